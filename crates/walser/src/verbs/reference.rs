//! Completions, man pages and the generated pages of the guide: the command line and the registry of
//! settings, printed.

mod pages;

#[cfg(test)]
mod tests;

use std::path::Path;

use clap::CommandFactory;
use env::{Disk, Env};

use crate::cli::{Cli, CompletionsArgs, DocsArgs, ManArgs};
use crate::failure::Failure;
use crate::output;

pub(crate) fn completions(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "walser", &mut script);
    Ok(output::print(&String::from_utf8_lossy(&script))?)
}

pub(crate) fn man(args: &ManArgs) -> Result<(), Failure> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let Some(dir) = &args.dir else {
        return Ok(output::print(&String::from_utf8_lossy(&man_page(&command, "walser")?))?);
    };
    let disk = Env::system().disk;
    disk.create_dir_all(dir)?;
    write_man_pages(&*disk, dir, &command, "walser")
}

fn write_man_pages(
    disk: &dyn Disk,
    dir: &Path,
    command: &clap::Command,
    name: &str,
) -> Result<(), Failure> {
    disk.replace(&dir.join(format!("{name}.1")), &man_page(command, name)?)?;
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        write_man_pages(disk, dir, inner, &format!("{name}-{}", inner.get_name()))?;
    }
    Ok(())
}

fn man_page(command: &clap::Command, name: &str) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    // clap keeps names it is given for ever; there are two dozen of them.
    let command = command.clone().name(name.to_owned());
    clap_mangen::Man::new(command).render(&mut page)?;
    Ok(page)
}

pub(crate) fn docs(args: &DocsArgs) -> Result<(), Failure> {
    let disk = Env::system().disk;
    disk.create_dir_all(&args.write)?;
    for (name, page) in pages::all() {
        disk.replace(&args.write.join(name), page.as_bytes())?;
    }
    Ok(())
}
