//! Connections must leave the store its files: without a descriptor the journal cannot begin its
//! next segment, and nothing more would be acknowledged (design.md 1, promises 1 and 3).

use super::Config;
use rustix::process::{getrlimit, setrlimit, Resource, Rlimit};

/// Kept for the store, the listeners, the runtimes, and connections that are about to be refused.
const OWN: usize = 256;

/// Raises this process's limit of open files as far as it may, and cuts the connection limits to
/// what then fits. Returns a line about it if they had to be cut.
pub fn fit(config: &mut Config) -> Option<String> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // Where that is not allowed the limit stays what it was.
    let _ = setrlimit(Resource::Nofile, raised);
    let files = getrlimit(Resource::Nofile).current?;
    cut(config, usize::try_from(files).unwrap_or(usize::MAX))
}

/// A quarter of what is left for connections is HTTP's at most, if both doors want more.
fn cut(config: &mut Config, files: usize) -> Option<String> {
    let room = files.saturating_sub(OWN.min(files / 2));
    let (mqtt, http) = (config.mqtt.max_connections, config.http.max_connections);
    let wanted = with_those_to_be_told(mqtt).saturating_add(http);
    if wanted <= room {
        return None;
    }
    config.http.max_connections = http.min(room / 4).max(1);
    let left = room.saturating_sub(config.http.max_connections);
    // The inverse of `with_those_to_be_told`, rounded down.
    let most = left.saturating_sub(16) / 17 * 16;
    config.mqtt.max_connections = mqtt.min(most).max(1);
    Some(format!(
        "{files} open files are allowed (ulimit -n), so at most {} MQTT and {} HTTP connections \
         are taken instead of {mqtt} and {http}; raise that limit, or lower mqtt.max_connections \
         and http.max_connections",
        config.mqtt.max_connections, config.http.max_connections
    ))
}

/// The MQTT door lets in a few more, to refuse them with a code.
fn with_those_to_be_told(connections: usize) -> usize {
    connections.saturating_add(connections / 16 + 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut_to(files: usize, mqtt: usize, http: usize) -> (usize, usize, bool) {
        let mut config: Config = toml_edit::de::from_str(super::super::DEFAULTS).unwrap();
        config.mqtt.max_connections = mqtt;
        config.http.max_connections = http;
        let said = cut(&mut config, files).is_some();
        (
            config.mqtt.max_connections,
            config.http.max_connections,
            said,
        )
    }

    #[test]
    fn limits_that_fit_stay_as_they_are() {
        assert_eq!(cut_to(200_000, 100_000, 25_000), (100_000, 25_000, false));
        assert_eq!(cut_to(1024, 500, 100), (500, 100, false));
    }

    #[test]
    fn whatever_is_configured_leaves_descriptors_for_the_store() {
        for files in [64, 256, 1024, 4096, 20_000, 65_536, 120_000] {
            for (mqtt, http) in [(100_000, 25_000), (100_000, 10), (10, 100_000)] {
                let (mqtt, http, said) = cut_to(files, mqtt, http);
                let left = files.checked_sub(with_those_to_be_told(mqtt) + http);
                assert!(
                    left.is_some_and(|left| left >= OWN.min(files / 2) - 16),
                    "{files}: {mqtt}, {http}"
                );
                assert!(said || files == 120_000, "{files}");
            }
        }
    }
}
