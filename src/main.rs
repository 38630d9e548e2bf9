//! The binary: arguments, signals, exit codes; everything else is the library's.

use clap::{Parser, Subcommand};
use industryos_iot::app::certificates::{generate, Wish};
use industryos_iot::app::{self, App, Listeners};
use industryos_iot::config::load::ENVIRONMENT_PREFIX;
use industryos_iot::config::{self, Config};
use industryos_iot::observability::logs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::signal::unix::{signal, Signal, SignalKind};

/// glibc's allocator keeps what a burst left in every thread's arena: under an overload the process grew to
/// 1.3 times its budget, and messages cost a tenth more. C code of the process (OpenSSL) allocates here too.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Device-connectivity platform: MQTT and HTTP devices, one process, one durable data directory.
#[derive(Parser)]
#[command(name = "industryos-iot", version)]
struct Arguments {
    /// Configuration file; without it `config.toml` of the working directory, or the built-in defaults.
    #[arg(long, global = true, value_name = "PATH")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the platform (the default).
    Serve,
    /// Works on the configuration.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Works on users, while the platform is stopped.
    Admin {
        #[command(subcommand)]
        command: AdminCommand,
    },
    /// Makes certificates for development.
    Cert {
        #[command(subcommand)]
        command: CertCommand,
    },
}

#[derive(Subcommand)]
enum CertCommand {
    /// Makes an authority, a server's and a device's certificate for development, as files.
    Generate {
        /// Folder of the files; made if it is not there. Nothing in it is overwritten.
        #[arg(long, value_name = "FOLDER", default_value = "certificates")]
        out: PathBuf,
        /// A host name or address of the server, beside localhost, 127.0.0.1 and ::1.
        #[arg(long, value_name = "HOST")]
        name: Vec<String>,
        /// Makes a device's certificate too; with the authority of the folder if it has one.
        #[arg(long, value_name = "NAME")]
        device: Option<String>,
    },
}

#[derive(Subcommand)]
enum AdminCommand {
    /// Gives a user a new password, shown once, and ends all its tokens and API keys.
    ResetPassword {
        /// The user's name; without it the only administrator.
        user: Option<String>,
    },
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Checks file and environment, names the first fault, and starts nothing.
    Check,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let file = arguments
        .config
        .or_else(|| Some(PathBuf::from("config.toml")).filter(|path| path.exists()));
    let outcome = match arguments.command {
        Some(Command::Cert { command }) => certificates(command),
        Some(Command::Config {
            command: ConfigCommand::Check,
        }) => load(file.as_deref()).map(|_| println!("the configuration is valid")),
        Some(Command::Admin {
            command: AdminCommand::ResetPassword { user },
        }) => load(file.as_deref()).and_then(|config| reset_password(&config, user.as_deref())),
        None | Some(Command::Serve) => load(file.as_deref()).and_then(serve),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(line) => {
            eprintln!("industryos-iot: {line}");
            ExitCode::FAILURE
        }
    }
}

fn certificates(command: CertCommand) -> Result<(), String> {
    let CertCommand::Generate { out, name, device } = command;
    let wish = Wish {
        folder: out,
        names: name,
        device,
    };
    for path in generate(&wish)? {
        println!("wrote {}", path.display());
    }
    println!("for development only: these keys were made by a program, on this machine");
    Ok(())
}

fn reset_password(config: &Config, user: Option<&str>) -> Result<(), String> {
    logs::install(&config.log)?;
    let reset = actix::System::new().block_on(app::reset_password(config, user))?;
    let text = format!(
        "User:                      {}\nPassword (shown only now):  {}\n\
         Its tokens and API keys are void.\n",
        reset.username,
        reset.password.as_str()
    );
    let mut out = std::io::stdout();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| format!("the new password cannot be shown, reset it again: {error}"))
}

fn load(file: Option<&Path>) -> Result<Config, String> {
    let working = std::env::current_dir().map_err(|error| format!("working directory: {error}"))?;
    config::load(file, environment()?, &working).map_err(|error| error.to_string())
}

/// Our variables. One that is no UTF-8 is refused by name: ignoring it would be worse.
fn environment() -> Result<Vec<(String, String)>, String> {
    let mut ours = Vec::new();
    for (name, value) in std::env::vars_os() {
        if !name.to_string_lossy().starts_with(ENVIRONMENT_PREFIX) {
            continue;
        }
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => ours.push((name, value)),
            (Ok(name), Err(_)) => return Err(format!("environment variable {name}: not UTF-8")),
            (Err(name), _) => return Err(format!("environment variable {name:?}: not UTF-8")),
        }
    }
    Ok(ours)
}

fn serve(mut config: Config) -> Result<(), String> {
    logs::install(&config.log)?;
    if let Some(line) = config::fit_descriptors(&mut config) {
        tracing::warn!("{line}");
    }
    // Before any thread is started: they inherit it.
    config.registry.scheduling.take();
    actix::System::new().block_on(run(config))
}

/// From start to the orderly stop that SIGTERM or SIGINT ask for.
async fn run(config: Config) -> Result<(), String> {
    // Signals are caught first: one that comes during the start still ends in order.
    let mut terminate =
        signal(SignalKind::terminate()).map_err(|error| format!("SIGTERM: {error}"))?;
    let mut interrupt =
        signal(SignalKind::interrupt()).map_err(|error| format!("SIGINT: {error}"))?;
    let listeners = Listeners::bind(&config).map_err(|error| error.to_string())?;
    let mut app = App::start(config, listeners)
        .await
        .map_err(|error| error.to_string())?;
    if let Err(line) = announce(&mut app).await {
        // What the doors took meanwhile is stored in order.
        app.stop().await.map_err(|error| error.to_string())?;
        return Err(line);
    }
    // Without certificates to read again SIGHUP keeps its usual meaning.
    let mut hangup = match app.has_tls() {
        true => Some(signal(SignalKind::hangup()).map_err(|error| format!("SIGHUP: {error}"))?),
        false => None,
    };
    loop {
        tokio::select! {
            _ = terminate.recv() => break tracing::info!("SIGTERM: stopping"),
            _ = interrupt.recv() => break tracing::info!("SIGINT: stopping"),
            _ = caught(&mut hangup) => {
                tracing::info!("SIGHUP: reading the certificates again");
                app.reload_certificates();
            }
        }
    }
    app.stop().await.map_err(|error| error.to_string())?;
    tracing::info!("stopped; everything is on disk");
    Ok(())
}

async fn caught(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Says on standard output where the doors are and, once in a data directory's life, the password.
/// Errors: the password could not be shown (the next start draws another), or noted as shown.
async fn announce(app: &mut App) -> Result<(), String> {
    let mut text = String::new();
    if let Some(address) = app.http_address() {
        text += &format!("HTTP  (devices, operators)  http://{address}\n");
    }
    if let Some(address) = app.mqtt_address() {
        text += &format!("MQTT  (devices)             mqtt://{address}\n");
    }
    if let Some(address) = app.http_tls_address() {
        text += &format!("HTTPS (devices, operators)  https://{address}\n");
    }
    if let Some(address) = app.mqtt_tls_address() {
        text += &format!("MQTTS (devices)             mqtts://{address}\n");
    }
    if let Some(address) = app.coap_address() {
        text += &format!("CoAP  (devices)             coap://{address}\n");
    }
    if let Some(address) = app.coap_dtls_address() {
        text += &format!("CoAPS (devices)             coaps://{address}\n");
    }
    let first = app.take_generated_password();
    if let Some(first) = &first {
        text += &format!("First start. Administrator: {}\n", first.username);
        text += &format!("Password (shown only now):  {}\n", first.password.as_str());
    }
    text += "ready\n";
    let mut out = std::io::stdout();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match (written, first) {
        (Ok(()), Some(_)) => app
            .password_was_shown()
            .await
            .map_err(|error| error.to_string()),
        (Err(error), Some(_)) => Err(format!(
            "the administrator's password cannot be shown on standard output: {error}"
        )),
        (Err(error), None) => {
            tracing::warn!(%error, "standard output takes nothing; serving all the same");
            Ok(())
        }
        (Ok(()), None) => Ok(()),
    }
}
