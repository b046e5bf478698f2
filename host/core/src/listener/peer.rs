//! Whose browser a visit comes from.

/// The user at the other end of a connection to a listener.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Peer {
    /// The user that this login belongs to.
    SameUser,
    /// Another user of this machine.
    OtherUser,
    /// The system does not say, or says something that proves nothing: root carries
    /// connections for others (tunnels, containers, port forwarders).
    #[default]
    Unknown,
}

impl Peer {
    /// Whether a visit from here is refused, whatever it brings. This is the one
    /// place that decides it.
    pub fn is_refused(self) -> bool {
        self == Self::OtherUser
    }
}
