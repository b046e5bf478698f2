//! Files in the folders that this program was given (`--dir`). Symbolic links are not
//! followed.

use std::sync::LazyLock;

use wasip2::filesystem::preopens::get_directories;
pub(crate) use wasip2::filesystem::types::{Descriptor, DescriptorType, ErrorCode};
use wasip2::filesystem::types::{DescriptorFlags, NewTimestamp, OpenFlags, PathFlags};

static GIVEN: LazyLock<Vec<(Descriptor, String)>> = LazyLock::new(get_directories);

/// Most bytes that are read or written in one call.
const PIECE: u64 = 64 * 1024;

/// Why a file cannot be used.
pub(crate) enum Trouble {
    /// This program was not given the folder that it is in.
    NotGiven,
    /// The reason that the system gives.
    System(ErrorCode),
    /// It has more than this many bytes.
    TooLong(u64),
    /// It is a folder, a pipe or something else.
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

    /// Returns the reason in words, for the end of a message such as "cannot read FILE: ".
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::NotGiven => "this sandbox was not given a folder that contains it".to_owned(),
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

/// Returns the given folder that contains `path`, and the path relative to it.
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

/// Returns the contents of a file of at most `most` bytes, or `None` if there is no file.
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

/// Creates a file with these bytes, and waits until they are on the disk. Fails if the file
/// exists.
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

/// Renames a file, replacing any file of the new name, and waits until that is on the disk.
pub(crate) fn rename(old: &str, new: &str) -> Result<(), Trouble> {
    let ((from, old), (to, new)) = (locate(old)?, locate(new)?);
    from.rename_at(old, to, new)?;
    sync(to);
    Ok(())
}

/// Gives a file another name too. Fails if that name is taken.
pub(crate) fn link(old: &str, new: &str) -> Result<(), Trouble> {
    let ((from, old), (to, new)) = (locate(old)?, locate(new)?);
    Ok(from.link_at(PathFlags::empty(), old, to, new)?)
}

/// Deletes a file. Returns false if there is none.
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

/// Returns the type of the entry at `path`, or `None` if there is none.
pub(crate) fn kind(path: &str) -> Result<Option<DescriptorType>, Trouble> {
    let (folder, name) = locate(path)?;
    match folder.stat_at(PathFlags::empty(), name) {
        Err(ErrorCode::NoEntry) => Ok(None),
        stat => Ok(Some(stat?.type_)),
    }
}

/// Returns the modification time of a file in nanoseconds since the Unix epoch, or `None` if
/// there is no file.
pub(crate) fn changed(path: &str) -> Result<Option<u128>, Trouble> {
    let (folder, name) = locate(path)?;
    match folder.stat_at(PathFlags::empty(), name) {
        Err(ErrorCode::NoEntry) => Ok(None),
        stat => Ok(stat?
            .data_modification_timestamp
            .map(|time| u128::from(time.seconds) * 1_000_000_000 + u128::from(time.nanoseconds))),
    }
}

/// Sets the modification time of a file to now.
pub(crate) fn touch(file: &Descriptor) {
    // Ignore the error: this process then counts as dead, and notices it when it saves.
    let _ = file.set_times(NewTimestamp::NoChange, NewTimestamp::Now);
}

/// Creates a folder and its missing parents.
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

/// Returns the names and types of the entries of a folder; none if there is no folder.
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

/// Returns the size of a regular file in bytes. Fails for anything else.
fn regular(file: &Descriptor) -> Result<u64, Trouble> {
    let stat = file.stat()?;
    match stat.type_ {
        DescriptorType::RegularFile => Ok(stat.size),
        _ => Err(Trouble::NotRegular),
    }
}

/// Makes a change in a folder survive a crash, if the file system can.
fn sync(folder: &Descriptor) {
    let _ = folder.sync();
}
