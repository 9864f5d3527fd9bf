//! The client: one request, one reply.

use core::fmt;

use xen_ops::Failed;

use super::error::{BadReply, Error};
use super::wire::{self, Decoder, Encoder, HEADER};
use super::{Mode, Qid, Stat};
use crate::EventChannel;
use crate::stream::{Blocking, ByteStream};

/// The largest number of names in one [walk](Client::walk).
pub const MAX_NAMES: usize = 16;

/// The smallest buffer for messages, in bytes.
pub const MIN_MESSAGE: usize = 512;

/// The dialect.
const DIALECT: &str = "9P2000.u";
/// The tag of the first request, and that of the others: there is one at a time.
const NO_TAG: u16 = 0xffff;
const TAG: u16 = 0;
/// Stands for no file.
const NO_FID: u32 = u32::MAX;
/// Bytes of a read's or write's message beside its data, at most.
const DATA_HEADER: usize = 24;

/// A file or directory that the server knows for this client, by a number. End it by
/// [`Client::clunk`]; one that is dropped stays in use until the connection ends.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the server keeps it until it is clunked"]
pub struct Fid {
    number: u32,
    /// Bytes that the server reads or writes at once; 0 if it does not say.
    unit: u32,
}

/// A client over the stream `S`, with messages in the buffer `B`.
pub struct Client<S, E, B> {
    stream: Blocking<S, E>,
    buffer: B,
    /// The largest message.
    size: usize,
    next: u32,
    is_broken: bool,
}

impl<S: ByteStream, E: EventChannel, B: AsRef<[u8]> + AsMut<[u8]>> Client<S, E, B> {
    /// Agrees with the server on the dialect and on the size of messages, which are at most as long as the
    /// buffer. A message may be longer than the stream's ring.
    ///
    /// # Errors
    ///
    /// [`Error::TooLong`] if the buffer is smaller than [`MIN_MESSAGE`]; [`Error::Version`];
    /// [`Error::Server`], [`Error::Reply`] and [`Error::Stream`]. The stream and the buffer are returned.
    #[allow(clippy::type_complexity, reason = "what was given, as everywhere")]
    pub fn new(
        stream: Blocking<S, E>,
        buffer: B,
    ) -> Result<Self, Failed<Error<E::Error>, (Blocking<S, E>, B)>> {
        let size = buffer.as_ref().len();
        let mut client = Self { stream, buffer, size, next: 0, is_broken: false };
        match client.agree() {
            Ok(size) => Ok(Self { size, ..client }),
            Err(error) => Err(Failed::returning(error, client.into_parts())),
        }
    }

    /// The size of messages that the server agrees to.
    fn agree(&mut self) -> Result<usize, Error<E::Error>> {
        if self.size < MIN_MESSAGE {
            return Err(Error::TooLong);
        }
        let offered = u32::try_from(self.size).unwrap_or(u32::MAX);
        let (size, is_known) = self.exchange(
            wire::VERSION,
            |message| {
                message.u32(offered).text(DIALECT);
            },
            |fields| {
                let (size, dialect) = (fields.u32()?, fields.text()?);
                Some((size, dialect == DIALECT.as_bytes()))
            },
        )?;
        if !is_known {
            return Err(Error::Version);
        }
        if size > offered || (size as usize) < MIN_MESSAGE {
            return Err(Error::Reply(BadReply::MessageSize(size)));
        }
        Ok(size as usize)
    }

    /// The root of the tree `tree`, as the user `user`. Many servers have one tree and ignore both.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn attach(&mut self, user: &str, tree: &str) -> Result<Fid, Error<E::Error>> {
        let number = self.number()?;
        self.exchange(
            wire::ATTACH,
            |message| {
                // No user has the last number.
                message.u32(number).u32(NO_FID).text(user).text(tree).u32(u32::MAX);
            },
            |fields| fields.qid(),
        )?;
        Ok(Fid { number, unit: 0 })
    }

    /// The file or directory that is reached from `from` by these names, of which there are at most
    /// [`MAX_NAMES`]. With none it is `from` again.
    ///
    /// # Errors
    ///
    /// [`Error::TooLong`] for more names; [`Error::NotFound`] if only some of them exist, [`Error::Server`] with
    /// ENOENT if the first does not; others of [`Error`].
    pub fn walk(&mut self, from: &Fid, names: &[&str]) -> Result<Fid, Error<E::Error>> {
        let count = match u16::try_from(names.len()) {
            Ok(count) if names.len() <= MAX_NAMES => count,
            _ => return Err(Error::TooLong),
        };
        let number = self.number()?;
        let found = self.exchange(
            wire::WALK,
            |message| {
                message.u32(from.number).u32(number).u16(count);
                for name in names {
                    message.text(name);
                }
            },
            |fields| {
                let found = fields.u16()?;
                for _ in 0..found {
                    fields.qid()?;
                }
                Some(found)
            },
        )?;
        if found > count {
            return self.broken(BadReply::Count { count: found.into(), max: count.into() });
        }
        if found < count {
            return Err(Error::NotFound { found: found.into() });
        }
        Ok(Fid { number, unit: 0 })
    }

    /// Opens a file.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn open(&mut self, file: &mut Fid, mode: Mode) -> Result<Qid, Error<E::Error>> {
        let (qid, unit) = self.exchange(
            wire::OPEN,
            |message| {
                message.u32(file.number).u8(mode.bits());
            },
            |fields| Some((fields.qid()?, fields.u32()?)),
        )?;
        file.unit = unit;
        Ok(qid)
    }

    /// Creates a file in a directory and opens it. `directory` is the file from then on. `permissions` are as in
    /// Unix, such as `0o644`.
    ///
    /// # Errors
    ///
    /// [`Error`]; then `directory` is what it was.
    pub fn create(
        &mut self,
        directory: &mut Fid,
        name: &str,
        permissions: u32,
        mode: Mode,
    ) -> Result<Qid, Error<E::Error>> {
        let (qid, unit) = self.exchange(
            wire::CREATE,
            |message| {
                message.u32(directory.number).text(name).u32(permissions).u8(mode.bits()).text("");
            },
            |fields| Some((fields.qid()?, fields.u32()?)),
        )?;
        directory.unit = unit;
        Ok(qid)
    }

    /// Reads from `offset` on, at most as many bytes as fit a message, and returns how many: 0 at the end of
    /// the file.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn read(
        &mut self,
        file: &Fid,
        offset: u64,
        to: &mut [u8],
    ) -> Result<usize, Error<E::Error>> {
        let count = self.count(file, to.len());
        let read = self.exchange(
            wire::READ,
            |message| {
                message.u32(file.number).u64(offset).u32(count);
            },
            |fields| {
                let read = fields.u32()?;
                let bytes = fields.bytes(usize::try_from(read).ok()?)?;
                if let (true, Some(to)) = (read <= count, to.get_mut(..bytes.len())) {
                    to.copy_from_slice(bytes);
                }
                Some(read)
            },
        )?;
        if read > count {
            return self.broken(BadReply::Count { count: read, max: count });
        }
        Ok(read as usize)
    }

    /// Writes to `offset` and what follows, at most as many bytes as fit a message, and returns how many.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn write(
        &mut self,
        file: &Fid,
        offset: u64,
        from: &[u8],
    ) -> Result<usize, Error<E::Error>> {
        let count = self.count(file, from.len());
        let from = from.get(..count as usize).unwrap_or(from);
        let written = self.exchange(
            wire::WRITE,
            |message| {
                message.u32(file.number).u64(offset).u32(count).bytes(from);
            },
            |fields| fields.u32(),
        )?;
        if written > count {
            return self.broken(BadReply::Count { count: written, max: count });
        }
        Ok(written as usize)
    }

    /// What is known of a file.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn stat(&mut self, file: &Fid) -> Result<Stat, Error<E::Error>> {
        self.exchange(
            wire::STAT,
            |message| {
                message.u32(file.number);
            },
            |fields| {
                // The length of all that follows, twice. xen-9pfsd says 10 too many, so the fields count.
                let (_whole, _inner) = (fields.u16()?, fields.u16()?);
                let (_type, _device) = (fields.u16()?, fields.u32()?);
                let qid = fields.qid()?;
                let (mode, accessed, modified) = (fields.u32()?, fields.u32()?, fields.u32()?);
                let length = fields.u64()?;
                // Name, owner, group, who wrote last, the target of a link; and numbers of those three.
                for _ in 0..5 {
                    fields.text()?;
                }
                for _ in 0..3 {
                    fields.u32()?;
                }
                Some(Stat { qid, mode, accessed, modified, length })
            },
        )
    }

    /// Ends a file, whether the server reports an error or not.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn clunk(&mut self, file: Fid) -> Result<(), Error<E::Error>> {
        self.end(wire::CLUNK, &file)
    }

    /// Removes a file, and ends it, whether the server reports an error or not. xen-9pfsd refuses it.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn remove(&mut self, file: Fid) -> Result<(), Error<E::Error>> {
        self.end(wire::REMOVE, &file)
    }

    fn end(&mut self, kind: u8, file: &Fid) -> Result<(), Error<E::Error>> {
        let number = file.number;
        self.exchange(
            kind,
            |message| {
                message.u32(number);
            },
            |_| Some(()),
        )
    }

    /// Returns the stream and the buffer. Files that are not clunked stay in use at the server.
    #[must_use]
    pub fn into_parts(self) -> (Blocking<S, E>, B) {
        (self.stream, self.buffer)
    }

    /// A number that was not used before.
    fn number(&mut self) -> Result<u32, Error<E::Error>> {
        if self.next == NO_FID {
            return Err(Error::Exhausted);
        }
        let number = self.next;
        self.next += 1;
        Ok(number)
    }

    /// How many of `wanted` bytes are read or written at once.
    fn count(&self, file: &Fid, wanted: usize) -> u32 {
        let fits = wanted.min(self.size.saturating_sub(DATA_HEADER));
        let count = u32::try_from(fits).unwrap_or(u32::MAX);
        if file.unit > 0 { count.min(file.unit) } else { count }
    }

    fn broken<T>(&mut self, error: BadReply) -> Result<T, Error<E::Error>> {
        self.is_broken = true;
        Err(Error::Reply(error))
    }

    /// Makes a request and decodes its reply, all of whose fields `decode` takes.
    fn exchange<T>(
        &mut self,
        kind: u8,
        encode: impl FnOnce(&mut Encoder<'_>),
        decode: impl FnOnce(&mut Decoder<'_>) -> Option<T>,
    ) -> Result<T, Error<E::Error>> {
        if self.is_broken {
            return Err(Error::Broken);
        }
        let tag = if kind == wire::VERSION { NO_TAG } else { TAG };
        let buffer = self.buffer.as_mut();
        let size = self.size.min(buffer.len());
        let buffer = buffer.get_mut(..size).unwrap_or_default();
        let mut message = Encoder::new(buffer);
        encode(&mut message);
        // Nothing was sent yet: the client goes on.
        let length = message.finish(kind, tag).ok_or(Error::TooLong)?;

        let request = buffer.get(..length).unwrap_or_default();
        let result = match self.stream.write_all(request) {
            Ok(()) => receive(&mut self.stream, buffer, kind, tag),
            Err(error) => Err(error.into()),
        };
        let result = result.and_then(|(reply, fields)| {
            let mut fields = Decoder(fields);
            let contents = Error::Reply(BadReply::Contents { reply });
            if reply == wire::ERROR + 1 {
                let decoded = fields.text().and_then(|_| fields.u32());
                let errno = decoded.filter(|_| fields.end().is_some()).ok_or(contents)?;
                return Err(Error::Server { errno });
            }
            let decoded = decode(&mut fields).filter(|_| fields.end().is_some());
            decoded.ok_or(contents)
        });
        self.is_broken = matches!(result, Err(Error::Stream(_) | Error::Reply(_)));
        result
    }
}

/// Reads a reply to the request of type `kind`, and returns its type and its fields.
fn receive<'b, S: ByteStream, E: EventChannel>(
    stream: &mut Blocking<S, E>,
    buffer: &'b mut [u8],
    kind: u8,
    expected: u16,
) -> Result<(u8, &'b [u8]), Error<E::Error>> {
    let mut header = [0; HEADER];
    stream.read_exact(&mut header)?;
    let [a, b, c, d, reply, tag @ ..] = header;
    let length = u32::from_le_bytes([a, b, c, d]);
    let rest = (length as usize).checked_sub(HEADER);
    let fits = (length as usize) <= buffer.len();
    let Some(fields) = rest.filter(|_| fits).and_then(|rest| buffer.get_mut(..rest)) else {
        return Err(Error::Reply(BadReply::Length(length)));
    };
    let tag = u16::from_le_bytes(tag);
    if tag != expected {
        return Err(Error::Reply(BadReply::Tag(tag)));
    }
    if reply != kind + 1 && reply != wire::ERROR + 1 {
        return Err(Error::Reply(BadReply::Type { request: kind, reply }));
    }
    stream.read_exact(fields)?;
    Ok((reply, fields))
}

impl<S, E, B> fmt::Debug for Client<S, E, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("message_size", &self.size)
            .field("is_broken", &self.is_broken)
            .finish_non_exhaustive()
    }
}
