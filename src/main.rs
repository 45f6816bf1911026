//! The program: arguments, logging, configuration, build, run, drain, exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use probity::cli::{self, Arguments, ConfigVerb, Exit, SourceOptions, Verb};
use probity::config;
use probity::probe::Compiler;

/// This very program, even when its file was replaced or removed since the start.
const OWN_PROGRAM: &str = "/proc/self/exe";

fn main() -> ExitCode {
    match Arguments::parse(std::env::args_os()) {
        Ok(arguments) => cli::finish(act(arguments.verb)).into(),
        Err(exit) => exit.into(),
    }
}

fn act(verb: Verb) -> anyhow::Result<Exit> {
    // The environment is read here, once, and handed on.
    let environment: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    match verb {
        Verb::Run(options) => run(options, environment),
        Verb::Check(options) => cli::check(&options.sources(environment)),
        Verb::Config(ConfigVerb::Show { format, sources }) => {
            cli::show(&sources.sources(environment), format)
        }
        Verb::Config(ConfigVerb::Init { path }) => Ok(cli::init(&path)?),
        Verb::Backup(verb) => cli::backup(verb, environment),
        Verb::Top(options) => Ok(cli::top(options, &environment)?),
        Verb::Wit => Ok(cli::wit()?),
        Verb::New(options) => Ok(cli::new(&options)?),
        Verb::Dev(options) => cli::dev(options, environment, own_compiler()),
        Verb::Test(options) => cli::test(options, environment, own_compiler()),
        Verb::Inspect(options) => cli::inspect(options, environment, own_compiler()),
        Verb::Bench(options) => cli::bench(options, environment, own_compiler()),
        Verb::Build(options) => Ok(cli::build(options, &environment)?),
        Verb::Bindings(options) => Ok(cli::bindings(&options)?),
        Verb::Component(options) => Ok(cli::component(&options)?),
        Verb::CompileComponent(options) => Ok(cli::compile_component(&options)),
    }
}

fn run(options: SourceOptions, environment: Vec<(OsString, OsString)>) -> anyhow::Result<Exit> {
    let sources = options.sources(environment);
    let loaded = config::load(&sources)?;
    // Dropped at the end of this function, before an error is told: what was logged comes first.
    let log = cli::start_logging(
        &loaded.config.log,
        &loaded.config.redaction,
        &sources.environment,
    )?;
    // Builds, runs and drains.
    Ok(cli::run(&loaded, &log, own_compiler())?)
}

fn own_compiler() -> Compiler {
    Compiler::Child(OWN_PROGRAM.into())
}
