//! Reads the file and the environment, in this order: defaults, file, environment.

use super::error::{ConfigError, Place};
use super::layer::Layers;
use super::{validate, Config};
use std::path::{Path, PathBuf};

/// Variables with this prefix are settings: `INDUSTRYOS__MQTT__BIND` is `mqtt.bind`.
pub const ENVIRONMENT_PREFIX: &str = "INDUSTRYOS__";

/// Loads `file` (`None`: the defaults alone) with `environment` over it, and validates the whole.
/// Relative paths in the file are relative to the file; elsewhere to `working_directory`.
///
/// Errors: unreadable file, bad TOML, unknown keys (with the nearest known one), values that do
/// not fit; each names its place.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    working_directory: &Path,
) -> Result<Config, ConfigError> {
    let mut layers = Layers::of_defaults();
    if let Some(path) = file {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
            file: path.to_owned(),
            why: error.to_string(),
        })?;
        layers.add_file(path, &text)?;
    }
    for (name, value) in settings_of(environment) {
        layers.add_variable(&name, &value)?;
    }
    let mut config = layers.decode()?;
    validate::check(&config, &layers)?;
    let folder = base("store.path", &layers, file, working_directory);
    config.store.path = folder.join(&config.store.path);
    for (section, tls) in [
        ("mqtt.tls", &mut config.mqtt.tls),
        ("http.tls", &mut config.http.tls),
    ] {
        tls.rebase(|key| {
            base(
                &format!("{section}.{key}"),
                &layers,
                file,
                working_directory,
            )
        });
    }
    config.coap.dtls.rebase(|key| {
        base(
            &format!("coap.dtls.{key}"),
            &layers,
            file,
            working_directory,
        )
    });
    validate::check_files(&config, &layers)?;
    Ok(config)
}

/// Only our variables, sorted so that errors come in a stable order.
fn settings_of(
    environment: impl IntoIterator<Item = (String, String)>,
) -> impl Iterator<Item = (String, String)> {
    let mut ours: Vec<_> = environment
        .into_iter()
        .filter(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX))
        .collect();
    ours.sort();
    ours.into_iter()
}

/// Where a relative path begins: one from the file at the file's folder, any other at the working
/// directory.
fn base(key: &str, layers: &Layers, file: Option<&Path>, working: &Path) -> PathBuf {
    let from_environment = matches!(layers.place_of(key), Place::Environment(_));
    match file.and_then(Path::parent) {
        Some(folder) if !from_environment => working.join(folder),
        _ => working.to_owned(),
    }
}
