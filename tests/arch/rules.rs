//! The rules: who may name whom (design.md 3), what the pure parts keep out, what may not panic.

use super::source::{module_of, Fact, Source, What};

/// A room and the rooms it may name beside itself.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("observability", &["model"]),
    ("store", &["model", "observability"]),
    ("auth", &["model", "store", "observability"]),
    ("device", &["model", "store", "observability"]),
    ("registry", &["model", "auth", "device", "observability"]),
    ("transport", &["model", "registry", "observability"]),
    (
        "api",
        &["model", "store", "auth", "registry", "observability"],
    ),
    ("ui", &[]),
    ("config", &["model"]),
];

/// What a room may name of another nevertheless, and why.
const EXCEPTIONS: &[(&str, &str)] = &[
    // It hands the store to the actors it makes, and a command carries a deletion's selection.
    ("registry", "store::SharedStore"),
    ("registry", "store::batch::DeleteSelection"),
    ("registry", "store::StoreError"),
];

const PROTOCOLS: &[&str] = &["mqtt", "http", "coap", "lwm2m"];
const ENGINES: &[&str] = &["sled", "memory", "journal"];

/// Rooms that know no protocol and no engine, and the crates that would bring one in.
const NEUTRAL: &[&str] = &["model", "device", "registry", "auth"];
const PROTOCOL_CRATES: &[&str] = &[
    "actix_web",
    "mqtt_protocol",
    "mqtt_protocol_core",
    "rmqtt_codec",
    "coap_lite",
    "rumqttc",
];
/// Rooms without actors.
const UNACTED: &[&str] = &["model", "observability", "store", "auth"];
const ACTOR_CRATES: &[&str] = &["actix", "actix_rt"];

/// What brings a socket, a runtime or the outside into what is pure.
const RUNTIMES: &[&str] = &["tokio", "actix", "actix_rt", "actix_web", "mio", "socket2"];
const SOCKETS: &[&str] = &[
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "UnixListener",
];
const OUTSIDE: &[&str] = &["fs", "thread", "process"];

const PANICKING_CALLS: &[&str] = &["unwrap", "expect", "unwrap_err", "expect_err"];
const PANICKING_MACROS: &[&str] = &[
    "panic",
    "todo",
    "unimplemented",
    "unreachable",
    "assert",
    "assert_eq",
    "assert_ne",
];

const MOST_LINES: usize = 500;

/// Every fault, as `src/file:line: what`.
pub fn check(sources: &[Source]) -> Vec<String> {
    let test_modules: Vec<&Vec<String>> = sources
        .iter()
        .flat_map(|source| &source.test_modules)
        .collect();
    let mut faults = Vec::new();
    for source in sources {
        let module = module_of(&source.path);
        let test_file = test_modules.iter().any(|test| module.starts_with(test));
        let place = Place::of(source, module);
        let mut say = |line: usize, what: String| {
            let fault = format!("src/{}:{line}: {what}", source.path);
            // `x::unwrap!()` may be seen twice: as a path and as a macro.
            if !faults.contains(&fault) {
                faults.push(fault);
            }
        };
        if !source.has_head {
            say(
                1,
                "the first line must say what the file is for (`//!`)".into(),
            );
        }
        if source.lines > MOST_LINES {
            say(1, format!("{} lines are too many", source.lines));
        }
        for fact in &source.facts {
            let test = test_file || fact.test;
            if let Some(what) = place.judge(fact, test) {
                say(fact.line, what);
            }
        }
    }
    faults
}

/// Where a fact stands.
struct Place {
    room: String,
    module: Vec<String>,
    pure: bool,
}

impl Place {
    fn of(source: &Source, module: Vec<String>) -> Self {
        let room = match source.path.as_str() {
            "main.rs" | "lib.rs" => source.path.trim_end_matches(".rs").to_owned(),
            _ => module.first().cloned().unwrap_or_default(),
        };
        let has = |name: &str| module.iter().any(|part| part == name);
        let pure = match room.as_str() {
            "model" => true,
            "transport" => has("codec") || has("session"),
            "device" => has("state"),
            _ => false,
        };
        Self { room, module, pure }
    }

    /// What is wrong with the fact, if anything.
    fn judge(&self, fact: &Fact, test: bool) -> Option<String> {
        match &fact.what {
            What::Ours(path) => self
                .arrow(path, test)
                .or_else(|| self.protocol(path))
                .or_else(|| self.engine(path, test))
                .or_else(|| panicking(path, test)),
            What::Other(path) => self
                .foreign(path)
                .or_else(|| self.impure(path, test))
                .or_else(|| panicking(path, test)),
            What::Call(name) => {
                let panics = !test && PANICKING_CALLS.contains(&name.as_str());
                panics.then(|| format!("`.{name}()` outside tests"))
            }
            What::Macro(name) => {
                let panics = !test && PANICKING_MACROS.contains(&name.as_str());
                panics.then(|| format!("`{name}!` outside tests"))
            }
            What::Type(name) => self.type_name(name),
        }
    }

    fn arrow(&self, path: &[String], test: bool) -> Option<String> {
        let (_, allowed) = ARROWS.iter().find(|(room, _)| *room == self.room)?;
        let named = path.first()?.as_str();
        let is_room = ARROWS.iter().any(|(room, _)| *room == named) || named == "app";
        if !is_room || named == self.room || allowed.contains(&named) {
            return None;
        }
        // The one thing of a room that the configuration names.
        let config = self.room == "config" && path.iter().any(|part| part == "Config");
        let excepted = |(room, exception): &(&str, &str)| {
            *room == self.room && path.join("::").starts_with(exception)
        };
        // The memory engine is the store of other rooms' tests.
        let oracle = test && named == "store" && self.room == "registry";
        if config || oracle || EXCEPTIONS.iter().any(excepted) {
            return None;
        }
        Some(format!(
            "{} may not name {named} ({})",
            self.room,
            path.join("::")
        ))
    }

    fn protocol(&self, path: &[String]) -> Option<String> {
        let [room, named, ..] = path else { return None };
        let own = self.module.get(1)?;
        let is_protocol = |name: &String| PROTOCOLS.contains(&name.as_str());
        let both = self.room == "transport" && room == "transport";
        if !both || !is_protocol(own) || !is_protocol(named) || own == named {
            return None;
        }
        let rides = own == "lwm2m" && named == "coap";
        (!rides).then(|| format!("{own} may not name {named}"))
    }

    fn engine(&self, path: &[String], test: bool) -> Option<String> {
        let [room, named, ..] = path else { return None };
        let free = test || ["store", "app", "main"].contains(&self.room.as_str());
        let engine = room == "store" && ENGINES.contains(&named.as_str());
        (engine && !free).then(|| format!("{} may not name the engine {named}", self.room))
    }

    fn foreign(&self, path: &[String]) -> Option<String> {
        let named = path.first()?.as_str();
        let rooms = |rooms: &[&str]| rooms.contains(&self.room.as_str());
        if named == "sled" && !self.is_sleds_home() {
            return Some("the crate sled belongs to store/sled".into());
        }
        let protocol = PROTOCOL_CRATES.contains(&named) && (rooms(NEUTRAL) || rooms(&["store"]));
        let actor = ACTOR_CRATES.contains(&named) && rooms(UNACTED);
        let refused = protocol || actor;
        refused.then(|| format!("{} may not name the crate {named}", self.room))
    }

    /// `store/mod.rs` declares the module of that name, so a bare `sled` there is ours.
    fn is_sleds_home(&self) -> bool {
        self.module == ["store"] || self.module.starts_with(&["store".into(), "sled".into()])
    }

    fn impure(&self, path: &[String], test: bool) -> Option<String> {
        if !self.pure || test {
            return None;
        }
        let first = path.first()?.as_str();
        if RUNTIMES.contains(&first) {
            return Some(format!("no {first} in what is pure"));
        }
        if let Some(socket) = path.iter().find(|part| SOCKETS.contains(&part.as_str())) {
            return Some(format!("no {socket} in what is pure"));
        }
        if first == "std"
            && path
                .get(1)
                .is_some_and(|part| OUTSIDE.contains(&part.as_str()))
        {
            return Some(format!("no std::{} in what is pure", path[1]));
        }
        let reads_clock = path.len() > 1 && path.last().is_some_and(|last| last == "now");
        reads_clock.then(|| "no clock in what is pure: take `now` as an argument".into())
    }

    fn type_name(&self, name: &str) -> Option<String> {
        let lower = name.to_lowercase();
        let words = PROTOCOLS.iter().chain(&["sled"]);
        let told = NEUTRAL.contains(&self.room.as_str())
            && words.into_iter().any(|word| lower.contains(word));
        told.then(|| {
            format!(
                "a type named {name} in {}, which knows no protocol or engine",
                self.room
            )
        })
    }
}

/// A function that panics, named as a path: `Option::unwrap`.
fn panicking(path: &[String], test: bool) -> Option<String> {
    let last = path.last()?.as_str();
    let panics = !test && path.len() > 1 && PANICKING_CALLS.contains(&last);
    panics.then(|| format!("`{}` outside tests", path.join("::")))
}
