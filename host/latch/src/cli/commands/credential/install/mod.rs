//! `latch credential install`: writes the settings of the program that is to run the helper,
//! and takes them back.

mod clients;
mod edit;
mod launcher;
mod records;

use latchstring::{Error, printable};
use serde_json::{Value, json};

use self::clients::{Client, Plan};
use self::edit::{Edit, difference};
use self::launcher::program;
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
            launcher::make(launcher, records.know(launcher))?;
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
            let unneeded = record.launchers.iter().filter(|launcher| !records.know(launcher));
            unneeded.for_each(|launcher| launcher::remove(launcher));
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
