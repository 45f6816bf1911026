//! What can be asked for on the command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::{
    BackupVerb, BenchOptions, BindingsOptions, BuildOptions, ComponentOptions, DevOptions, Exit,
    InspectOptions, NewOptions, TestOptions, TopOptions, output, usage,
};
use crate::config::{FlagValue, Sources};
use crate::model::ByteSize;
use crate::probe::CompileOrder;

/// The last place where a configuration file is looked for.
pub(super) const SYSTEM_FILE: &str = "/etc/probity/probity.toml";

/// The command line as it was given.
#[derive(Debug)]
pub struct Arguments {
    /// What to do.
    pub verb: Verb,
}

/// A WebAssembly-extensible observability runtime: samplers and sandboxed probes, merged into one snapshot over HTTP.
#[derive(Debug, Parser)]
#[command(name = "probity", version, args_conflicts_with_subcommands = true)]
#[command(
    after_help = "Without a verb it runs. Exit codes: 0 fine, 1 failure, 2 usage, 65 unfit data, \
    69 unavailable, 75 temporary, 78 configuration, 129, 130 and 143 ended by a signal."
)]
struct CommandLine {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    sources: SourceOptions,
}

/// A verb with its options.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Sample, run the probes and serve until told to stop (the default)
    Run(SourceOptions),
    /// Check the configuration and tell every fault
    Check(SourceOptions),
    /// Show or write configuration
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Make, list, verify and restore backups of the database
    #[command(subcommand)]
    Backup(BackupVerb),
    /// Show a running Probity on the terminal
    Top(TopOptions),
    /// Print the interface that probes are built against
    Wit,
    /// Begin a probe in a folder of its own, in any of six languages
    New(NewOptions),
    /// Build, test and swap a probe each time one of its files changes
    Dev(DevOptions),
    /// Run a probe from its file and show what it gives, costs, asks and is denied
    Test(TestOptions),
    /// Show what a file is, asks for and lacks here, without running it
    Inspect(InspectOptions),
    /// Measure what a probe costs to compile, load, begin, run and keep
    Bench(BenchOptions),
    /// Build a probe from its folder
    Build(BuildOptions),
    /// Write bindings for a language
    Bindings(BindingsOptions),
    /// Make a component of a core module
    Component(ComponentOptions),
    /// Compile one component from standard input to standard output, for a running Probity
    #[command(hide = true)]
    CompileComponent(CompileOptions),
}

/// What a running Probity orders from the process that compiles for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct CompileOptions {
    /// The guests' stack in bytes.
    #[arg(long)]
    stack: u64,
    /// Address space at most, in bytes.
    #[arg(long)]
    memory: u64,
    /// CPU time at most, in seconds.
    #[arg(long)]
    cpu: u64,
    /// How far to stand back behind others.
    #[arg(long, value_parser = clap::value_parser!(i32).range(0..=19))]
    nice: i32,
    /// The process that waits.
    #[arg(long)]
    parent: u32,
}

impl CompileOptions {
    /// The order that these flags write.
    pub fn order(self) -> CompileOrder {
        CompileOrder {
            stack: ByteSize(self.stack),
            memory: ByteSize(self.memory),
            cpu: self.cpu,
            nice: self.nice,
            parent: self.parent,
        }
    }
}

/// What to do with configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// Print the configuration in effect
    Show {
        /// As TOML or as JSON
        #[arg(long, value_enum, default_value_t = ShowFormat::Toml)]
        format: ShowFormat,
        #[command(flatten)]
        /// Where configuration comes from.
        sources: SourceOptions,
    },
    /// Write an example with every key and its default; a file that exists is left alone
    Init {
        /// Where to; `-` prints it
        #[arg(default_value = "probity.toml")]
        path: PathBuf,
    },
}

/// How `config show` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ShowFormat {
    /// TOML, with its origin in a comment.
    Toml,
    /// JSON, with its origin on standard error.
    Json,
}

/// The flags that choose a configuration file or set one of its keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct SourceOptions {
    /// Configuration file [default: the first of ./probity.toml, the user's and the system's]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address and port to serve on
    #[arg(long, value_name = "ADDR")]
    listen: Option<OsString>,
    /// Folder with the probes
    #[arg(long, value_name = "DIR")]
    probes: Option<OsString>,
    /// Folder for what is kept between starts
    #[arg(long, value_name = "DIR")]
    state: Option<OsString>,
    /// How log lines look
    #[arg(long, value_name = "FORMAT", value_parser = ["auto", "human", "json"])]
    log_format: Option<String>,
    /// How much is logged, such as `debug` or `info,probity::http=debug`
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<OsString>,
}

impl Arguments {
    /// Reads the command line, the program's name first.
    ///
    /// # Errors
    /// The exit to take when there is nothing to do: after `--help` and `--version`, which are printed to standard
    /// output, and after a usage error, which is told on standard error.
    pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Exit> {
        let words: Vec<OsString> = arguments.into_iter().collect();
        let line = CommandLine::try_parse_from(&words).map_err(|told| {
            if told.use_stderr() {
                output::note(&usage::told::<CommandLine>(&told, &words));
                Exit::Usage
            } else {
                let text = told.render().to_string();
                super::finish(output::data(&text).map_err(Into::into))
            }
        })?;
        let verb = line.verb.unwrap_or(Verb::Run(line.sources));
        Ok(Self { verb })
    }
}

impl SourceOptions {
    /// These flags with the process' environment and the usual places.
    pub fn sources(self, environment: Vec<(OsString, OsString)>) -> Sources {
        let flags = [
            ("--listen", "server.listen", self.listen),
            ("--probes", "probes.folder", self.probes),
            ("--state", "state.directory", self.state),
            (
                "--log-format",
                "log.format",
                self.log_format.map(Into::into),
            ),
            ("--log-level", "log.level", self.log_level),
        ];
        let flag = |(flag, key, value): (_, _, Option<OsString>)| {
            let value = value?;
            Some(FlagValue { flag, key, value })
        };
        Sources {
            file: self.config,
            environment,
            working_directory: ".".into(),
            system_file: SYSTEM_FILE.into(),
            flags: flags.into_iter().filter_map(flag).collect(),
            section: None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Verb {
        let words = line.split_whitespace().map(OsString::from);
        Arguments::parse(words).unwrap().verb
    }

    #[test]
    fn the_definition_holds_no_contradiction() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn run_is_the_default_and_takes_its_flags_with_or_without_the_verb() {
        let flags = "--config a.toml --listen [::1]:0 --probes p --state s --log-format json --log-level debug";
        for line in [format!("probity {flags}"), format!("probity run {flags}")] {
            let Verb::Run(options) = parse(&line) else {
                panic!("{line} is no run");
            };
            let sources = options.sources(Vec::new());
            assert_eq!(sources.file, Some("a.toml".into()));
            let keys: Vec<_> = sources.flags.iter().map(|flag| flag.key).collect();
            assert_eq!(
                keys,
                [
                    "server.listen",
                    "probes.folder",
                    "state.directory",
                    "log.format",
                    "log.level"
                ]
            );
        }
        assert!(
            matches!(parse("probity"), Verb::Run(options) if options == SourceOptions::default())
        );
    }

    #[test]
    fn an_order_to_the_compiling_process_arrives_as_it_was_given() {
        let order = CompileOrder {
            stack: ByteSize::kib(512),
            memory: ByteSize::mib(2048),
            cpu: 120,
            nice: 15,
            parent: 1,
        };
        let line = format!("probity {}", order.arguments().join(" "));
        assert!(
            matches!(parse(&line), Verb::CompileComponent(options) if options.order() == order)
        );
    }
}
