//! The control socket between a parent and a child: a handful of small messages, never a call.
//!
//! Each message is one packet: a byte for its kind and the rest. A connection comes with its descriptor.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType,
};

use crate::exit::{BootError, BootErrorKind};

/// The longest message; longer texts are cut.
const LIMIT: usize = 32 * 1024;

/// What a parent says to its child.
#[derive(Debug)]
pub(crate) enum ToChild {
    /// A connection for calls.
    Connection(OwnedFd),
    /// Finish what was begun, take nothing new, and end.
    Drain,
    /// Collect garbage.
    Collect,
}

/// What a child says to its parent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ToParent {
    /// It takes calls.
    Ready,
    /// It cannot start.
    BootFailed(BootError),
}

/// What a parent finds in its end of the socket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Poll {
    /// A message.
    Message(ToParent),
    /// A message of a kind that is not known.
    Unknown,
    /// Nothing now, or nothing any more.
    Nothing,
}

const CONNECTION: u8 = 1;
const DRAIN: u8 = 2;
const COLLECT: u8 = 3;
const READY: u8 = 16;
const BOOT_FAILED: u8 = 17;

/// One end of a control socket. Any thread may send.
#[derive(Debug)]
pub(crate) struct Control(OwnedFd);

impl Control {
    /// Both ends.
    pub(crate) fn pair() -> io::Result<(Self, OwnedFd)> {
        // A packet is a message; macOS has packets only without connections.
        let kind = if cfg!(target_os = "linux") {
            SocketType::SEQPACKET
        } else {
            SocketType::DGRAM
        };
        let (here, there) = socket_pair(kind)?;
        Ok((Self(here), there))
    }

    /// An end that was inherited.
    pub(crate) fn new(socket: OwnedFd) -> Self {
        Self(socket)
    }

    /// Tells the child something, at once or not at all.
    pub(crate) fn tell_child(&self, message: &ToChild) -> io::Result<()> {
        match message {
            ToChild::Connection(socket) => self.send(&[CONNECTION], Some(socket.as_fd()), SendFlags::DONTWAIT),
            ToChild::Drain => self.send(&[DRAIN], None, SendFlags::DONTWAIT),
            ToChild::Collect => self.send(&[COLLECT], None, SendFlags::DONTWAIT),
        }
    }

    /// Tells the parent something; waits while its buffer is full.
    pub(crate) fn tell_parent(&self, message: &ToParent) -> io::Result<()> {
        match message {
            ToParent::Ready => self.send(&[READY], None, SendFlags::empty()),
            ToParent::BootFailed(error) => {
                let kind = match error.kind {
                    BootErrorKind::Import => 0,
                    BootErrorKind::Setup => 1,
                    BootErrorKind::Other => 2,
                };
                let mut packet = vec![BOOT_FAILED, kind];
                // The end of a traceback says more than its beginning.
                let mut start = error.text.len().saturating_sub(LIMIT - packet.len());
                while !error.text.is_char_boundary(start) {
                    start += 1;
                }
                packet.extend_from_slice(&error.text.as_bytes()[start..]);
                self.send(&packet, None, SendFlags::empty())
            }
        }
    }

    fn send(&self, packet: &[u8], descriptor: Option<BorrowedFd<'_>>, flags: SendFlags) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let descriptors = descriptor.as_slice();
        if !descriptors.is_empty() {
            ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        #[cfg(target_os = "linux")]
        let flags = flags | SendFlags::NOSIGNAL;
        let packet = [IoSlice::new(packet)];
        rustix::io::retry_on_intr(|| rustix::net::sendmsg(&self.0, &packet, &mut ancillary, flags))?;
        Ok(())
    }

    /// The next message for a child; waits for it. `None`: there will be none any more.
    pub(crate) fn next_for_child(&self) -> io::Result<Option<ToChild>> {
        loop {
            let Some((packet, descriptor)) = self.receive(RecvFlags::empty())? else {
                return Ok(None);
            };
            // A kind that is not known comes from a newer parent, which knows that it may be ignored.
            match (packet.first(), descriptor) {
                (Some(&CONNECTION), Some(socket)) => return Ok(Some(ToChild::Connection(socket))),
                (Some(&DRAIN), _) => return Ok(Some(ToChild::Drain)),
                (Some(&COLLECT), _) => return Ok(Some(ToChild::Collect)),
                _ => {}
            }
        }
    }

    /// A message for the parent, if there is one.
    pub(crate) fn poll_for_parent(&self) -> Poll {
        // Descriptors that a child sends are closed: it has none to offer.
        let Ok(Some((packet, _))) = self.receive(RecvFlags::DONTWAIT) else {
            return Poll::Nothing;
        };
        match *packet.as_slice() {
            [READY, ..] => Poll::Message(ToParent::Ready),
            [BOOT_FAILED, kind, ref text @ ..] => {
                let kind = match kind {
                    0 => BootErrorKind::Import,
                    1 => BootErrorKind::Setup,
                    _ => BootErrorKind::Other,
                };
                let text = String::from_utf8_lossy(text).into_owned();
                Poll::Message(ToParent::BootFailed(BootError { kind, text }))
            }
            _ => Poll::Unknown,
        }
    }

    fn receive(&self, flags: RecvFlags) -> io::Result<Option<(Vec<u8>, Option<OwnedFd>)>> {
        let mut packet = vec![0; LIMIT];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        #[cfg(target_os = "linux")]
        let flags = flags | RecvFlags::CMSG_CLOEXEC;
        let received = rustix::io::retry_on_intr(|| {
            rustix::net::recvmsg(&self.0, &mut [IoSliceMut::new(&mut packet)], &mut ancillary, flags)
        })?;
        let descriptor = ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        #[cfg(not(target_os = "linux"))]
        if let Some(descriptor) = &descriptor {
            rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::CLOEXEC)?;
        }
        if received.bytes == 0 {
            return Ok(None);
        }
        packet.truncate(received.bytes);
        Ok(Some((packet, descriptor)))
    }
}

impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A pair of connected sockets that no program started meanwhile inherits.
pub(crate) fn socket_pair(kind: SocketType) -> io::Result<(OwnedFd, OwnedFd)> {
    #[cfg(target_os = "linux")]
    let flags = SocketFlags::CLOEXEC;
    #[cfg(not(target_os = "linux"))]
    let flags = SocketFlags::empty();
    let pair = rustix::net::socketpair(AddressFamily::UNIX, kind, flags, None)?;
    #[cfg(not(target_os = "linux"))]
    for end in [&pair.0, &pair.1] {
        rustix::io::fcntl_setfd(end, rustix::io::FdFlags::CLOEXEC)?;
        #[cfg(target_vendor = "apple")]
        rustix::net::sockopt::set_socket_nosigpipe(end, true)?;
    }
    Ok(pair)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Control, Control) {
        let (parent, child) = Control::pair().unwrap();
        (parent, Control::new(child))
    }

    #[test]
    fn messages_arrive_as_they_were_sent() {
        let (parent, child) = pair();
        let (ours, theirs) = socket_pair(SocketType::STREAM).unwrap();
        parent.tell_child(&ToChild::Connection(theirs)).unwrap();
        parent.tell_child(&ToChild::Drain).unwrap();
        let Some(ToChild::Connection(socket)) = child.next_for_child().unwrap() else {
            panic!("no connection")
        };
        assert!(
            rustix::io::fcntl_getfd(&socket)
                .unwrap()
                .contains(rustix::io::FdFlags::CLOEXEC)
        );
        rustix::io::write(&socket, b"hello").unwrap();
        let mut buffer = [0; 8];
        assert_eq!(rustix::io::read(&ours, &mut buffer).unwrap(), 5);
        assert!(matches!(child.next_for_child().unwrap(), Some(ToChild::Drain)));

        child.tell_parent(&ToParent::Ready).unwrap();
        assert_eq!(parent.poll_for_parent(), Poll::Message(ToParent::Ready));
        assert_eq!(parent.poll_for_parent(), Poll::Nothing);
    }

    #[test]
    fn the_end_of_a_long_boot_error_arrives() {
        let (parent, child) = pair();
        let text = format!("{}ModuleNotFoundError: ö", "ö".repeat(40_000));
        let error = BootError {
            kind: BootErrorKind::Import,
            text,
        };
        child.tell_parent(&ToParent::BootFailed(error.clone())).unwrap();
        let Poll::Message(ToParent::BootFailed(arrived)) = parent.poll_for_parent() else {
            panic!("no error")
        };
        assert!(error.text.ends_with(&arrived.text) && arrived.text.ends_with("ModuleNotFoundError: ö"));
        assert!(arrived.text.len() > LIMIT - 8);
    }

    #[test]
    fn what_is_not_understood_is_passed_over() {
        let (parent, child) = pair();
        parent.send(&[99, 1, 2], None, SendFlags::empty()).unwrap();
        parent.send(&[CONNECTION], None, SendFlags::empty()).unwrap();
        parent.tell_child(&ToChild::Collect).unwrap();
        assert!(matches!(child.next_for_child().unwrap(), Some(ToChild::Collect)));
        child.send(&[99], None, SendFlags::empty()).unwrap();
        assert_eq!(parent.poll_for_parent(), Poll::Unknown);
    }

    #[test]
    fn a_child_notices_that_its_parent_is_gone() {
        let (parent, child) = pair();
        drop(parent);
        assert!(!matches!(child.next_for_child(), Ok(Some(_))));
        assert!(child.tell_parent(&ToParent::Ready).is_err());
    }
}
