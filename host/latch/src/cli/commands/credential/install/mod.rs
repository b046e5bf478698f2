//! `latch credential install`: writes the settings of the program that is to run the helper,
//! and takes them back.

mod clients;
mod edit;
mod records;

use std::path::{Path, PathBuf};

use latchstring::{Code, Error, printable};
use serde_json::{Value, json};

use self::clients::{Client, Plan};
use self::edit::{Edit, difference};
use self::records::{Record, Records};
use super::helper::Helper;
use crate::cli::args::{Global, InstallArgs, UninstallArgs};
use crate::cli::output::{self, say};
use crate::cli::style::{BAD, GOOD, HEADING, paint};

/// The last line of a dry run.
const NOTHING_WRITTEN: &str = "Nothing was written: this was a dry run";

pub(super) fn install(helper: &Helper, args: &InstallArgs) -> Result<(), Error> {
    let session = helper.session_of_profile()?;
    let client = Client::new(&session, args)?;
    let Plan { edits, launchers, advice } = client.plan()?;
    let mut records = Records::read(&helper.global)?;
    for edit in &edits {
        show(edit)?;
    }
    for launcher in &launchers {
        output::line(&format!("{} -> {}", launcher.display(), program()?.display()))?;
    }
    if !args.dry_run {
        for launcher in &launchers {
            link(launcher)?;
        }
        for edit in &edits {
            records.note(&client, edit, &launchers);
        }
        records.write()?;
        edits.iter().try_for_each(Edit::write)?;
    }
    advice.iter().for_each(|line| say(line));
    let (program, profile) = (clients::name(args.protocol), session.name());
    say(&match args.dry_run {
        true => NOTHING_WRITTEN.to_owned(),
        false => format!(
            "The helper of {program} is installed; to undo it, run: \
             latch credential uninstall {program} --profile {profile}"
        ),
    });
    Ok(())
}

pub(super) fn uninstall(helper: &Helper, args: &UninstallArgs) -> Result<(), Error> {
    let session = helper.session_of_profile()?;
    let mut records = Records::read(&helper.global)?;
    let taken = records.take(args.protocol, session.name());
    if taken.is_empty() {
        say("There is nothing to undo");
        return Ok(());
    }
    for record in &taken {
        let edit = record.undo()?;
        show(&edit)?;
        if !args.dry_run {
            edit.write()?;
            record.launchers.iter().for_each(|launcher| unlink(launcher, &records));
        }
    }
    if args.dry_run {
        say(NOTHING_WRITTEN);
        return Ok(());
    }
    records.write()?;
    say(&format!("The helper of {} is removed", clients::name(args.protocol)));
    Ok(())
}

pub(super) fn list(global: &Global) -> Result<(), Error> {
    let records = Records::read(global)?;
    if global.json {
        let in_json = |record: &Record| json!({ "protocol": record.protocol, "profile": record.profile, "file": record.path });
        return output::document(&Value::Array(records.all().iter().map(in_json).collect()));
    }
    for Record { protocol, profile, path, .. } in records.all() {
        output::line(&format!("{protocol:<12} {profile:<12} {}", path.display()))?;
    }
    Ok(())
}

/// Whether each installed helper is still where its program looks for it.
pub(crate) fn findings(global: &Global) -> Result<Vec<(String, Option<Error>)>, Error> {
    let records = Records::read(global)?;
    let finding = |record: &Record| {
        let Record { protocol, profile, path, .. } = record;
        let place = format!("{protocol}, profile {profile}: {}", path.display());
        match record.trouble() {
            Some(trouble) => (format!("{place}: {}", trouble.message()), Some(trouble)),
            None => (place, None),
        }
    };
    Ok(records.all().iter().map(finding).collect())
}

fn show(edit: &Edit) -> Result<(), Error> {
    let path = paint(HEADING, printable(&edit.path.display().to_string()));
    let lines = difference(edit.before.as_deref().unwrap_or_default(), &edit.after);
    let lines = lines.iter().map(|line| {
        let style = if line.starts_with('+') { GOOD } else { BAD };
        paint(style, line) + "\n"
    });
    output::text(&format!("{path}\n{}", lines.collect::<String>()))
}

/// The file of this program, which launchers are links to. As `PATH` names it: where that is
/// a link, it may lead to another version tomorrow.
fn program() -> Result<PathBuf, Error> {
    let own = std::env::current_exe().and_then(dunce::canonicalize).map_err(|error| {
        Error::new(
            Code::HostFault,
            format!("the file of this program cannot be found: {error}"),
            "run latch by its full path",
        )
    })?;
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let named = own.file_name().unwrap_or_default();
    let mut found = std::env::split_paths(&folders).filter(|folder| folder.is_absolute());
    let found = found.find_map(|folder| {
        let path = folder.join(named);
        dunce::canonicalize(&path).is_ok_and(|there| there == own).then_some(path)
    });
    Ok(found.unwrap_or(own))
}

/// Makes a launcher, unless it is there.
fn link(launcher: &Path) -> Result<(), Error> {
    let failed = |error: std::io::Error| {
        Error::new(
            Code::NotSaved,
            format!("{} cannot be made: {error}", launcher.display()),
            "choose another folder with --launcher-dir",
        )
    };
    let program = program()?;
    if launcher.symlink_metadata().is_ok() {
        return match std::fs::read_link(launcher).is_ok_and(|target| target == program) {
            true => Ok(()),
            false => Err(Error::new(
                Code::InvalidConfiguration,
                format!("{} is there already, and is not latch's", launcher.display()),
                "remove it, or choose another folder with --launcher-dir",
            )),
        };
    }
    std::fs::create_dir_all(launcher.parent().unwrap_or(launcher)).map_err(failed)?;
    #[cfg(unix)]
    let made = std::os::unix::fs::symlink(&program, launcher);
    // Links need a privilege on Windows.
    #[cfg(not(unix))]
    let made = std::fs::hard_link(&program, launcher);
    made.map_err(failed)
}

/// Removes a launcher that no other record needs.
fn unlink(launcher: &Path, records: &Records) {
    let is_needed =
        records.all().iter().any(|record| record.launchers.iter().any(|other| other == launcher));
    let is_ours = program().is_ok_and(|own| std::fs::read_link(launcher).is_ok_and(|to| to == own));
    if is_ours && !is_needed {
        // One that stays does no harm.
        let _ = std::fs::remove_file(launcher);
    }
}
