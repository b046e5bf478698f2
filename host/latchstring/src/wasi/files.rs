//! Files in the folders that whoever runs this has given it (`--dir`).

use std::sync::LazyLock;

use wasip2::filesystem::preopens::get_directories;
pub(crate) use wasip2::filesystem::types::{Descriptor, DescriptorType, ErrorCode};
use wasip2::filesystem::types::{DescriptorFlags, NewTimestamp, OpenFlags, PathFlags};

static GIVEN: LazyLock<Vec<(Descriptor, String)>> = LazyLock::new(get_directories);

/// Bytes that are read or written in one call.
const PIECE: u64 = 64 * 1024;

/// Why a file cannot be used.
pub(crate) enum Trouble {
    /// No folder around it was given to this program.
    NotGiven,
    /// The system's own reason.
    System(ErrorCode),
    /// It has more bytes than were allowed.
    TooLong(u64),
    /// It is a folder, a pipe or the like.
    NotRegular,
}

impl From<ErrorCode> for Trouble {
    fn from(code: ErrorCode) -> Self {
        Self::System(code)
    }
}

impl Trouble {
    pub(crate) fn is(&self, code: ErrorCode) -> bool {
        matches!(self, Self::System(own) if *own == code)
    }

    /// In words, as they follow "cannot read FILE:".
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::NotGiven => "no folder around it was given to this sandbox".to_owned(),
            Self::TooLong(most) => format!("it has more than {most} bytes"),
            Self::NotRegular => "it is not a regular file".to_owned(),
            Self::System(ErrorCode::NoEntry) => "there is no such file or folder".to_owned(),
            Self::System(ErrorCode::Access | ErrorCode::NotPermitted) => {
                "permission denied".to_owned()
            }
            Self::System(ErrorCode::ReadOnly) => "it is read-only".to_owned(),
            Self::System(ErrorCode::InsufficientSpace | ErrorCode::Quota) => {
                "no space left on the device".to_owned()
            }
            Self::System(code) => code.message().to_owned(),
        }
    }
}

/// The folder that holds `path`, and the path in it.
fn locate(path: &str) -> Result<(&'static Descriptor, &str), Trouble> {
    let inside = |folder: &str| {
        let rest = match folder.trim_end_matches('/') {
            "." | "" if !path.starts_with('/') => Some(path),
            "" => path.strip_prefix('/'),
            folder => path.strip_prefix(folder).and_then(|rest| match rest {
                "" => Some(rest),
                _ => rest.strip_prefix('/'),
            }),
        };
        rest.map(|rest| if rest.is_empty() { "." } else { rest })
    };
    let found = GIVEN.iter().filter_map(|(given, name)| Some((given, name, inside(name)?)));
    let deepest = found.max_by_key(|(_, name, _)| name.len());
    deepest.map(|(given, _, rest)| (given, rest)).ok_or(Trouble::NotGiven)
}

/// Opens a file to read; none where there is none.
pub(crate) fn read(path: &str, most: u64) -> Result<Option<Vec<u8>>, Trouble> {
    let (folder, name) = locate(path)?;
    let flags = PathFlags::empty();
    let opened = folder.open_at(flags, name, OpenFlags::empty(), DescriptorFlags::READ);
    let file = match opened {
        Err(ErrorCode::NoEntry) => return Ok(None),
        opened => opened?,
    };
    let size = regular(&file)?;
    if size > most {
        return Err(Trouble::TooLong(most));
    }
    let mut bytes = Vec::new();
    loop {
        let (piece, is_end) = file.read(PIECE, bytes.len() as u64)?;
        bytes.extend_from_slice(&piece);
        if bytes.len() as u64 > most {
            return Err(Trouble::TooLong(most));
        }
        if is_end || piece.is_empty() {
            return Ok(Some(bytes));
        }
    }
}

/// Makes a file that must not be there yet, with these bytes, durably.
pub(crate) fn create(path: &str, bytes: &[u8]) -> Result<Descriptor, Trouble> {
    let (folder, name) = locate(path)?;
    let flags = OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
    let file = folder.open_at(PathFlags::empty(), name, flags, DescriptorFlags::WRITE)?;
    fill(&file, bytes)?;
    Ok(file)
}

fn fill(file: &Descriptor, bytes: &[u8]) -> Result<(), Trouble> {
    let mut written = 0;
    while written < bytes.len() {
        let end = bytes.len().min(written + usize::try_from(PIECE).unwrap_or(usize::MAX));
        let count = file.write(&bytes[written..end], written as u64)?;
        written += usize::try_from(count).unwrap_or(usize::MAX);
    }
    Ok(file.sync()?)
}

/// Renames a file over whatever has the new name, durably.
pub(crate) fn rename(old: &str, new: &str) -> Result<(), Trouble> {
    let ((from, old), (to, new)) = (locate(old)?, locate(new)?);
    from.rename_at(old, to, new)?;
    sync(to);
    Ok(())
}

/// Gives a file another name beside its own, which must not be taken.
pub(crate) fn link(old: &str, new: &str) -> Result<(), Trouble> {
    let ((from, old), (to, new)) = (locate(old)?, locate(new)?);
    Ok(from.link_at(PathFlags::empty(), old, to, new)?)
}

/// Removes a file; false where there is none.
pub(crate) fn remove(path: &str) -> Result<bool, Trouble> {
    let (folder, name) = locate(path)?;
    match folder.unlink_file_at(name) {
        Err(ErrorCode::NoEntry) => Ok(false),
        removed => {
            removed?;
            sync(folder);
            Ok(true)
        }
    }
}

/// What lies at `path` itself; none where there is nothing.
pub(crate) fn kind(path: &str) -> Result<Option<DescriptorType>, Trouble> {
    let (folder, name) = locate(path)?;
    match folder.stat_at(PathFlags::empty(), name) {
        Err(ErrorCode::NoEntry) => Ok(None),
        stat => Ok(Some(stat?.type_)),
    }
}

/// When a file was changed last, in nanoseconds; none where there is none.
pub(crate) fn changed(path: &str) -> Result<Option<u128>, Trouble> {
    let (folder, name) = locate(path)?;
    match folder.stat_at(PathFlags::empty(), name) {
        Err(ErrorCode::NoEntry) => Ok(None),
        stat => Ok(stat?
            .data_modification_timestamp
            .map(|time| u128::from(time.seconds) * 1_000_000_000 + u128::from(time.nanoseconds))),
    }
}

/// Says that a file was changed now.
pub(crate) fn touch(file: &Descriptor) {
    // Whoever cannot is taken for dead after a while, and finds out when it saves.
    let _ = file.set_times(NewTimestamp::NoChange, NewTimestamp::Now);
}

/// Makes a folder, and those above it that are missing.
pub(crate) fn make_folder(path: &str) -> Result<(), Trouble> {
    let (folder, name) = locate(path)?;
    let ends = name.match_indices('/').map(|(end, _)| end).chain([name.len()]);
    for end in ends {
        match folder.create_directory_at(&name[..end]) {
            Ok(()) | Err(ErrorCode::Exist) => {}
            Err(_) if folder.stat_at(PathFlags::SYMLINK_FOLLOW, &name[..end]).is_ok() => {}
            Err(code) => return Err(code.into()),
        }
    }
    Ok(())
}

/// The names in a folder and what they are; none where there is no folder.
pub(crate) fn list(path: &str) -> Result<Vec<(String, DescriptorType)>, Trouble> {
    let (given, name) = locate(path)?;
    let flags = OpenFlags::DIRECTORY;
    let opened = given.open_at(PathFlags::SYMLINK_FOLLOW, name, flags, DescriptorFlags::READ);
    let folder = match opened {
        Err(ErrorCode::NoEntry) => return Ok(Vec::new()),
        opened => opened?,
    };
    let entries = folder.read_directory()?;
    let mut names = Vec::new();
    while let Some(entry) = entries.read_directory_entry()? {
        names.push((entry.name, entry.type_));
    }
    Ok(names)
}

/// The size of a regular file.
fn regular(file: &Descriptor) -> Result<u64, Trouble> {
    let stat = file.stat()?;
    match stat.type_ {
        DescriptorType::RegularFile => Ok(stat.size),
        _ => Err(Trouble::NotRegular),
    }
}

/// Makes a change in a folder survive a crash, where the file system can.
fn sync(folder: &Descriptor) {
    let _ = folder.sync();
}
