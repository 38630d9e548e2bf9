//! The binary: arguments, signals, exit codes; everything else is the library's.

use clap::{Parser, Subcommand};
use industryos_iot::app::{App, Listeners};
use industryos_iot::config::{self, Config};
use industryos_iot::observability::logs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::signal::unix::{signal, SignalKind};

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
    let outcome = load(file.as_deref()).and_then(|config| match arguments.command {
        Some(Command::Config {
            command: ConfigCommand::Check,
        }) => {
            println!("the configuration is valid");
            Ok(())
        }
        None | Some(Command::Serve) => serve(config),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(line) => {
            eprintln!("industryos-iot: {line}");
            ExitCode::FAILURE
        }
    }
}

fn load(file: Option<&Path>) -> Result<Config, String> {
    let working = std::env::current_dir().map_err(|error| format!("working directory: {error}"))?;
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    config::load(file, environment, &working).map_err(|error| error.to_string())
}

fn serve(config: Config) -> Result<(), String> {
    logs::install(&config.log)?;
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
    announce(&mut app).await?;
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
        _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
    }
    app.stop().await.map_err(|error| error.to_string())?;
    tracing::info!("stopped; everything is on disk");
    Ok(())
}

/// Says on standard output where the doors are and, once in a data directory's life, the password.
async fn announce(app: &mut App) -> Result<(), String> {
    if let Some(address) = app.http_address() {
        println!("HTTP  (devices, operators)  http://{address}");
    }
    if let Some(address) = app.mqtt_address() {
        println!("MQTT  (devices)             mqtt://{address}");
    }
    if let Some(first) = app.take_generated_password() {
        println!("First start. Administrator: {}", first.username);
        println!("Password (shown only now):  {}", first.password.as_str());
        app.password_was_shown()
            .await
            .map_err(|error| error.to_string())?;
    }
    println!("ready");
    Ok(())
}
