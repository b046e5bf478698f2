//! Which user of this machine a request comes from.

/// The user at the other end of a connection to a listener.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Peer {
    /// The user that this login belongs to.
    SameUser,
    /// Another user of this machine.
    OtherUser,
    /// The system does not say, or its answer proves nothing: root carries connections for
    /// others (tunnels, containers, port forwarders).
    #[default]
    Unknown,
}

impl Peer {
    /// Returns whether a request from this user is refused, whatever it contains. No other
    /// place decides this.
    pub fn is_refused(self) -> bool {
        self == Self::OtherUser
    }
}
