//! Who may use a file or folder, by its access control list.
//!
//! As on Unix the superuser, the system and its administrators may do everything, and are
//! no strangers.

use std::ffi::c_void;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt as _;
use std::os::windows::io::AsRawHandle as _;
use std::path::Path;
use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::{
    CloseHandle, ERROR_SUCCESS, GENERIC_ALL, GENERIC_READ, GENERIC_WRITE, HANDLE, LocalFree,
};
use windows_sys::Win32::Security::Authorization::{
    ConvertSidToStringSidW, GetSecurityInfo, SE_FILE_OBJECT,
};
use windows_sys::Win32::Security::{
    ACCESS_ALLOWED_ACE, ACE_HEADER, ACL, ACL_REVISION, AddAccessAllowedAceEx,
    CONTAINER_INHERIT_ACE, DACL_SECURITY_INFORMATION, GetAce, GetLengthSid, GetTokenInformation,
    INHERIT_ONLY_ACE, InitializeAcl, InitializeSecurityDescriptor, LookupAccountSidW,
    OBJECT_INHERIT_ACE, OWNER_SECURITY_INFORMATION, PROTECTED_DACL_SECURITY_INFORMATION, PSID,
    SE_DACL_PROTECTED, SECURITY_DESCRIPTOR, SetKernelObjectSecurity, SetSecurityDescriptorControl,
    SetSecurityDescriptorDacl, TOKEN_QUERY, TOKEN_USER, TokenUser,
};
use windows_sys::Win32::Storage::FileSystem::{
    DELETE, FILE_ADD_FILE, FILE_ALL_ACCESS, FILE_APPEND_DATA, FILE_DELETE_CHILD,
    FILE_FLAG_BACKUP_SEMANTICS, FILE_READ_DATA, FILE_SHARE_DELETE, FILE_WRITE_DATA, READ_CONTROL,
    WRITE_DAC, WRITE_OWNER,
};
use windows_sys::Win32::System::SystemServices::SECURITY_DESCRIPTOR_REVISION;
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

/// Rights that let others learn or change what is in a file, or in the files of a folder.
const ANY: u32 = FILE_READ_DATA | GENERIC_READ | CHANGE | FILE_APPEND_DATA | FILE_DELETE_CHILD;

/// Rights that let others change a file, or put files into a folder.
const CHANGE: u32 =
    FILE_WRITE_DATA | DELETE | WRITE_DAC | WRITE_OWNER | GENERIC_WRITE | GENERIC_ALL;

/// Another user, or a group of users.
#[derive(Debug)]
pub(crate) enum Stranger {
    /// Owns the file.
    Owner(String),
    /// May use the file.
    Guest(String),
}

/// Creates a file that only this user can use. Nobody can open it to read or write before
/// that is so.
pub(crate) fn create_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .access_mode(GENERIC_READ | GENERIC_WRITE | DELETE | WRITE_DAC)
        .share_mode(FILE_SHARE_DELETE)
        .create_new(true)
        .write(true)
        .open(path)?;
    make_private(&file)?;
    Ok(file)
}

/// Creates a folder that only this user can use, and so the files that come into it.
pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    fs::create_dir(path)?;
    make_private(&open(path, WRITE_DAC)?)
}

/// Returns somebody else who owns the file or folder, or who may read or change it.
pub(crate) fn user_beside_owner(path: &Path) -> io::Result<Option<Stranger>> {
    stranger(path, ANY, true)
}

/// Returns somebody else who owns the file or folder, or who may change the file or put
/// files into the folder. Files that come into the folder later do not count.
pub(crate) fn writer_beside_owner(path: &Path) -> io::Result<Option<Stranger>> {
    let rights = match path.is_dir() {
        true => CHANGE | FILE_ADD_FILE | FILE_DELETE_CHILD,
        false => CHANGE | FILE_APPEND_DATA,
    };
    stranger(path, rights, false)
}

/// Returns the command that makes the file or folder private, for cmd and PowerShell.
pub(crate) fn repair(path: &Path) -> String {
    let user = user().and_then(|user| text_of(user.sid())).unwrap_or_else(|_| "S-1-3-4".into());
    let inherited = if path.is_dir() { "(OI)(CI)" } else { "" };
    let path = path.display();
    format!("icacls \"{path}\" /inheritance:r /grant:r \"*{user}:{inherited}F\"")
}

fn stranger(path: &Path, rights: u32, with_inherited: bool) -> io::Result<Option<Stranger>> {
    let list = AccessList::of(&open(path, READ_CONTROL)?)?;
    let user = text_of(user()?.sid())?;
    let owner = text_of(list.owner)?;
    if !is_trusted(&owner, &user) {
        return Ok(Some(Stranger::Owner(name_of(list.owner).unwrap_or(owner))));
    }
    if list.entries.is_null() {
        return Ok(Some(Stranger::Guest("everyone".to_owned())));
    }
    // SAFETY: the list came with the descriptor, which `list` keeps.
    let count = unsafe { (*list.entries).AceCount };
    for index in 0..u32::from(count) {
        let mut entry: *mut c_void = null_mut();
        // SAFETY: the list is valid, and `entry` is written.
        if unsafe { GetAce(list.entries, index, &mut entry) } == 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: every entry begins with this header.
        let ACE_HEADER { AceType, AceFlags, .. } = unsafe { *entry.cast::<ACE_HEADER>() };
        let is_for_later = u32::from(AceFlags) & INHERIT_ONLY_ACE != 0;
        if !ALLOWING.contains(&AceType) || (is_for_later && !with_inherited) {
            continue;
        }
        let entry = entry.cast::<ACCESS_ALLOWED_ACE>();
        // SAFETY: entries of these types have a mask and then a SID.
        let (mask, sid) = unsafe { ((*entry).Mask, (&raw mut (*entry).SidStart).cast::<c_void>()) };
        let text = text_of(sid)?;
        if mask & rights != 0 && !is_trusted(&text, &user) {
            return Ok(Some(Stranger::Guest(name_of(sid).unwrap_or(text))));
        }
    }
    Ok(None)
}

/// Entries that allow something: always, and on a condition.
/// <https://learn.microsoft.com/windows/win32/api/winnt/ns-winnt-ace_header>
const ALLOWING: [u8; 2] = [0, 9];

/// Whether rights of this account are rights of the user, or of those who have them anyway.
/// <https://learn.microsoft.com/windows-server/identity/ad-ds/manage/understand-security-identifiers>
fn is_trusted(sid: &str, user: &str) -> bool {
    // The owner of a file, and who creates it.
    const OF_OWNER: [&str; 2] = ["S-1-3-4", "S-1-3-0"];
    // The system, its administrators, and its installer.
    const SUPERUSERS: [&str; 3] = [
        "S-1-5-18",
        "S-1-5-32-544",
        "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464",
    ];
    // These only limit what programs in a container may do for a user who has the right.
    const CONTAINERS: [&str; 2] = ["S-1-15-2-", "S-1-15-3-"];
    sid == user
        || OF_OWNER.contains(&sid)
        || SUPERUSERS.contains(&sid)
        || CONTAINERS.iter().any(|begin| sid.starts_with(begin))
}

/// Opens a file or folder for a question about it, or a change of it.
fn open(path: &Path, access: u32) -> io::Result<File> {
    OpenOptions::new().access_mode(access).custom_flags(FILE_FLAG_BACKUP_SEMANTICS).open(path)
}

/// Lets only this user in, whatever the folder around would let in.
fn make_private(file: &File) -> io::Result<()> {
    let user = user()?;
    // SAFETY: the SID is valid.
    let size = unsafe { GetLengthSid(user.sid()) } as usize
        + size_of::<ACL>()
        + size_of::<ACCESS_ALLOWED_ACE>();
    let mut list = vec![0_u32; size.div_ceil(size_of::<u32>())];
    let list_bytes = u32::try_from(list.len() * size_of::<u32>()).unwrap_or_default();
    let list = list.as_mut_ptr().cast::<ACL>();
    let inherited = OBJECT_INHERIT_ACE | CONTAINER_INHERIT_ACE;
    // SAFETY: the list is as large as said and aligned, and the SID is valid.
    let made = unsafe {
        InitializeAcl(list, list_bytes, ACL_REVISION) != 0
            && AddAccessAllowedAceEx(list, ACL_REVISION, inherited, FILE_ALL_ACCESS, user.sid())
                != 0
    };
    if !made {
        return Err(io::Error::last_os_error());
    }
    // Not `SetSecurityInfo`, which adds what the folder around lets in on some systems.
    // SAFETY: zeros are valid for a descriptor, which the first call fills. It is in place
    // until the last one, as is the list; the handle is open.
    let set = unsafe {
        let mut descriptor: SECURITY_DESCRIPTOR = std::mem::zeroed();
        let descriptor = (&raw mut descriptor).cast::<c_void>();
        InitializeSecurityDescriptor(descriptor, SECURITY_DESCRIPTOR_REVISION) != 0
            && SetSecurityDescriptorDacl(descriptor, 1, list, 0) != 0
            && SetSecurityDescriptorControl(descriptor, SE_DACL_PROTECTED, SE_DACL_PROTECTED) != 0
            && SetKernelObjectSecurity(
                file.as_raw_handle(),
                DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION,
                descriptor,
            ) != 0
    };
    if set { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Owner and entries of a file. Both point into the descriptor.
struct AccessList {
    descriptor: *mut c_void,
    owner: PSID,
    /// Null if everybody may do everything.
    entries: *mut ACL,
}

impl AccessList {
    fn of(file: &File) -> io::Result<Self> {
        let mut list = Self { descriptor: null_mut(), owner: null_mut(), entries: null_mut() };
        // SAFETY: the handle is open, and the pointers are written.
        result_of(unsafe {
            GetSecurityInfo(
                file.as_raw_handle(),
                SE_FILE_OBJECT,
                OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
                &mut list.owner,
                null_mut(),
                &mut list.entries,
                null_mut(),
                &mut list.descriptor,
            )
        })?;
        Ok(list)
    }
}

impl Drop for AccessList {
    fn drop(&mut self) {
        // SAFETY: `GetSecurityInfo` allocated it, and nobody has freed it.
        unsafe { LocalFree(self.descriptor) };
    }
}

fn result_of(code: u32) -> io::Result<()> {
    match code {
        ERROR_SUCCESS => Ok(()),
        code => Err(io::Error::from_raw_os_error(code.cast_signed())),
    }
}

/// The user of this process.
struct User {
    /// A `TOKEN_USER` and the SID that it points to. Of words, to be aligned.
    information: Vec<usize>,
}

impl User {
    fn sid(&self) -> PSID {
        // SAFETY: `user` had it filled.
        unsafe { (*self.information.as_ptr().cast::<TOKEN_USER>()).User.Sid }
    }
}

fn user() -> io::Result<User> {
    let mut token: HANDLE = null_mut();
    // SAFETY: the handle of this process needs no closing, and the token is written.
    if unsafe { OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &mut token) } == 0 {
        return Err(io::Error::last_os_error());
    }
    // More than the longest SID.
    let mut information = vec![0_usize; 64];
    let size = u32::try_from(size_of_val(&information[..])).unwrap_or_default();
    let mut used = 0;
    // SAFETY: the buffer is as large as said, and the token is open until the next call.
    let result = unsafe {
        let read = GetTokenInformation(
            token,
            TokenUser,
            information.as_mut_ptr().cast::<c_void>(),
            size,
            &mut used,
        );
        let error = io::Error::last_os_error();
        CloseHandle(token);
        if read == 0 { Err(error) } else { Ok(()) }
    };
    result.map(|()| User { information })
}

/// Returns the SID as text, such as `S-1-5-18`.
fn text_of(sid: PSID) -> io::Result<String> {
    let mut text: *mut u16 = null_mut();
    // SAFETY: the SID is valid, and the pointer is written.
    if unsafe { ConvertSidToStringSidW(sid, &mut text) } == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it ends with a zero, and is freed after it was copied.
    unsafe {
        let length = (0..).take_while(|&index| *text.add(index) != 0).count();
        let copy = String::from_utf16_lossy(std::slice::from_raw_parts(text, length));
        LocalFree(text.cast::<c_void>());
        Ok(copy)
    }
}

/// Returns the name of the account, if the system knows one.
fn name_of(sid: PSID) -> Option<String> {
    let (mut name, mut domain) = ([0_u16; 256], [0_u16; 256]);
    let (mut name_length, mut domain_length) = (256, 256);
    let mut kind = 0;
    // SAFETY: the SID is valid, and the buffers are as large as said.
    let found = unsafe {
        LookupAccountSidW(
            null(),
            sid,
            name.as_mut_ptr(),
            &mut name_length,
            domain.as_mut_ptr(),
            &mut domain_length,
            &mut kind,
        )
    };
    (found != 0).then(|| String::from_utf16_lossy(&name[..name_length as usize]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets everybody do everything.
    fn open_to_all(path: &Path) {
        let file = open(path, WRITE_DAC).expect("a file");
        // SAFETY: the descriptor is in place, and no list is one that lets everybody in.
        let set = unsafe {
            let mut descriptor: SECURITY_DESCRIPTOR = std::mem::zeroed();
            let descriptor = (&raw mut descriptor).cast::<c_void>();
            InitializeSecurityDescriptor(descriptor, SECURITY_DESCRIPTOR_REVISION) != 0
                && SetSecurityDescriptorDacl(descriptor, 1, null(), 0) != 0
                && SetKernelObjectSecurity(
                    file.as_raw_handle(),
                    DACL_SECURITY_INFORMATION,
                    descriptor,
                ) != 0
        };
        assert!(set, "{}", io::Error::last_os_error());
    }

    #[test]
    fn what_is_created_here_is_private_until_others_are_let_in() {
        let scratch = tempfile::tempdir().expect("a folder");
        let folder = scratch.path().join("Zoë");
        create_folder(&folder).expect("a folder");
        let file = folder.join("session");
        drop(create_file(&file).expect("a file"));
        for path in [&folder, &file] {
            assert!(user_beside_owner(path).expect("a list").is_none(), "{}", path.display());
            assert!(writer_beside_owner(path).expect("a list").is_none(), "{}", path.display());
            open_to_all(path);
            let user = user_beside_owner(path).expect("a list");
            assert!(matches!(user, Some(Stranger::Guest(_))), "{}: {user:?}", path.display());
            let writer = writer_beside_owner(path).expect("a list");
            assert!(matches!(writer, Some(Stranger::Guest(_))), "{}: {writer:?}", path.display());
        }
    }

    #[test]
    fn a_file_with_a_long_path_can_be_private_too() {
        let scratch = tempfile::tempdir().expect("a folder");
        let folder = (0..6).fold(scratch.path().to_owned(), |path, _| path.join("x".repeat(50)));
        crate::files::create_folders(&folder).expect("folders");
        let file = folder.join("session");
        drop(create_file(&file).expect("a file"));
        assert!(user_beside_owner(&file).expect("a list").is_none());
    }

    #[test]
    fn the_system_and_its_administrators_are_no_strangers() {
        let user = "S-1-5-21-1-2-3-1001";
        for (sid, trusted) in [
            (user, true),
            ("S-1-5-18", true),
            ("S-1-5-32-544", true),
            ("S-1-15-2-1", true),
            ("S-1-1-0", false),
            ("S-1-5-11", false),
            ("S-1-5-32-545", false),
            ("S-1-5-21-1-2-3-1002", false),
        ] {
            assert_eq!(is_trusted(sid, user), trusted, "{sid}");
        }
    }
}
