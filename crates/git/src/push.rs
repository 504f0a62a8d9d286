//! What a push asks for, read before git sees it, so that the caller can say no.
//!
//! A push starts with a list of ref updates and, when the client sends them, push options; the
//! pack follows. Only the beginning is read here; the pack stays in the stream.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use model::{GitRef, Sha};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::names;
use crate::pktline::{self, Packet};
use crate::serve::ServeError;

/// Most bytes of ref updates and push options in one push; enough for tens of thousands of refs.
const MAX_HEAD: usize = 8 << 20;

/// Most bytes of a refused push that are read so that the client gets to see the answer.
const MAX_DRAIN: u64 = 1 << 30;

/// Longest time for the list of ref updates to come in.
const HEAD_DEADLINE: Duration = Duration::from_secs(300);

/// Longest time that a refused push is read.
const DRAIN_DEADLINE: Duration = Duration::from_secs(1800);

/// One ref update of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushCommand {
    /// Where the client believes the ref to be; zeros = it does not exist.
    pub old: Sha,
    /// Where it shall be; zeros = deleted.
    pub new: Sha,
    /// Full name of the ref.
    pub ref_name: String,
}

impl PushCommand {
    /// Whether it creates the ref.
    #[must_use]
    pub fn creates(&self) -> bool {
        self.old.is_zero() && !self.new.is_zero()
    }

    /// Whether it deletes the ref.
    #[must_use]
    pub fn deletes(&self) -> bool {
        self.new.is_zero()
    }

    /// Returns the branch or tag; `None` for other refs.
    #[must_use]
    pub fn git_ref(&self) -> Option<GitRef> {
        GitRef::from_full_name(&self.ref_name)
    }

    /// Returns why nobody may push to this ref.
    fn fault(&self) -> Option<&'static str> {
        if names::is_reserved(&self.ref_name) {
            return Some("this ref is kept by the server");
        }
        match names::check_ref(&self.ref_name) {
            // A ref that got a bad name somehow can still be removed.
            Err(crate::Error::InvalidRefName { reason, .. }) if !self.deletes() => Some(reason),
            _ => None,
        }
    }
}

/// Push options (`git push -o …`) that mean something here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushOptions {
    /// `ci.skip`, `ci.no_pipeline`: no jobs.
    pub skip_ci: bool,
    /// `ci.variable=KEY=value`, in order.
    pub variables: Vec<(String, String)>,
    /// `ci.input=name=value`, in order.
    pub inputs: Vec<(String, String)>,
    /// All others, as given.
    pub others: Vec<String>,
}

impl PushOptions {
    /// Reads the options.
    pub fn parse<'a>(options: impl IntoIterator<Item = &'a str>) -> PushOptions {
        let mut parsed = PushOptions::default();
        for option in options {
            let (key, value) = option.split_once('=').unwrap_or((option, ""));
            let pair = value.split_once('=').filter(|(key, _)| !key.is_empty());
            let pair = pair.map(|(key, value)| (key.to_owned(), value.to_owned()));
            match (key, pair) {
                ("ci.skip" | "ci.no_pipeline", _) => parsed.skip_ci = true,
                ("ci.variable", Some(pair)) => parsed.variables.push(pair),
                ("ci.input", Some(pair)) => parsed.inputs.push(pair),
                _ => parsed.others.push(option.to_owned()),
            }
        }
        parsed
    }
}

/// The beginning of a push, and the stream in which the rest follows.
#[derive(Debug)]
pub struct PushRequest<R> {
    /// The ref updates; empty when the client only tests its credentials.
    pub commands: Vec<PushCommand>,
    /// The push options.
    pub options: PushOptions,
    /// Whether updates that lose commits of a branch are refused, all branches of this push alike;
    /// off unless the caller sets it.
    pub fast_forward_only: bool,
    pub(crate) capabilities: Capabilities,
    /// Everything read so far, as it came: git gets to see it too.
    pub(crate) head: Bytes,
    pub(crate) rest: R,
}

/// What the client can understand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Capabilities {
    pub(crate) report_status: bool,
    pub(crate) side_band: bool,
    pub(crate) push_options: bool,
}

/// Why a push is refused. A push is accepted or refused as a whole, like GitLab's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// Lines shown to the person as `remote: …`.
    pub message: String,
    /// The refs that are the reason, with the text behind `! [remote rejected]`; git shows it in brackets.
    pub refs: Vec<(String, String)>,
}

/// What is said about refs that were only refused together with others.
const COLLATERAL: &str = "refused together with other refs of this push";

impl<R: AsyncRead + Unpin> PushRequest<R> {
    /// Reads the beginning of a push from an inflated request body.
    ///
    /// # Errors
    ///
    /// [`ServeError::BadRequest`] when it is not a push, [`ServeError::Disconnected`] when it ends early,
    /// [`ServeError::TimedOut`] when it does not come.
    pub async fn read(body: R) -> Result<PushRequest<R>, ServeError> {
        tokio::time::timeout(HEAD_DEADLINE, PushRequest::read_head(body))
            .await
            .map_err(|_| ServeError::TimedOut)?
    }

    async fn read_head(mut body: R) -> Result<PushRequest<R>, ServeError> {
        let mut buffer = BytesMut::with_capacity(4096);
        loop {
            if let Some(head) = parse_head(&buffer)? {
                let Head {
                    commands,
                    options,
                    capabilities,
                } = head;
                return Ok(PushRequest {
                    commands,
                    options,
                    fast_forward_only: false,
                    capabilities,
                    head: buffer.freeze(),
                    rest: body,
                });
            }
            if buffer.len() > MAX_HEAD {
                return Err(ServeError::BadRequest("the list of ref updates is too long"));
            }
            if body.read_buf(&mut buffer).await.map_err(ServeError::Disconnected)? == 0 {
                return Err(ServeError::BadRequest(
                    "the push ends before its list of ref updates does",
                ));
            }
        }
    }

    /// Returns a refusal when the push names refs that nobody may push; the server checks this itself too.
    #[must_use]
    pub fn faults(&self) -> Option<Refusal> {
        let faults = self
            .commands
            .iter()
            .filter_map(|c| Some((c.ref_name.clone(), c.fault()?.to_owned())));
        let refs: Vec<_> = faults.collect();
        (!refs.is_empty()).then_some(Refusal {
            message: String::new(),
            refs,
        })
    }

    /// Refuses the push: reads what the client is still sending and returns the answer's body.
    ///
    /// # Errors
    ///
    /// [`ServeError::Disconnected`] when the client went away, [`ServeError::TimedOut`] when it goes on for too long.
    pub async fn refuse(mut self, refusal: &Refusal) -> Result<Bytes, ServeError> {
        let draining = drain(&mut self.rest, MAX_DRAIN);
        tokio::time::timeout(DRAIN_DEADLINE, draining)
            .await
            .map_err(|_| ServeError::TimedOut)??;
        Ok(refusal.answer(&self.commands, self.capabilities))
    }
}

/// Reads and forgets, at most `limit` bytes.
pub(crate) async fn drain(body: &mut (impl AsyncRead + Unpin), limit: u64) -> Result<(), ServeError> {
    let mut rest = body.take(limit);
    tokio::io::copy(&mut rest, &mut tokio::io::sink())
        .await
        .map(drop)
        .map_err(ServeError::Disconnected)
}

impl Refusal {
    pub(crate) fn answer(&self, commands: &[PushCommand], capabilities: Capabilities) -> Bytes {
        let mut report = BytesMut::new();
        if capabilities.report_status {
            pktline::put(&mut report, b"unpack ok\n");
            for command in commands {
                let own = self.refs.iter().find(|(name, _)| *name == command.ref_name);
                let reason = own.map_or(COLLATERAL, |(_, reason)| reason).replace('\n', " ");
                let mut line = format!("ng {} {reason}", command.ref_name);
                // Far longer than any real name and reason; a packet cannot hold more.
                while line.len() > pktline::MAX_PACKET - 8 {
                    line.pop();
                }
                pktline::put(&mut report, format!("{line}\n").as_bytes());
            }
            report.extend_from_slice(pktline::FLUSH);
        }
        if !capabilities.side_band {
            return report.freeze();
        }
        let mut answer = BytesMut::new();
        put_message(&mut answer, &self.message);
        pktline::put_band(&mut answer, 1, &report);
        answer.extend_from_slice(pktline::FLUSH);
        answer.freeze()
    }
}

/// Appends text for the person at the client, shown line by line behind `remote: `.
pub(crate) fn put_message(buffer: &mut BytesMut, message: &str) {
    if !message.is_empty() {
        // Control characters could play tricks with the person's terminal.
        let clean: String = message.chars().filter(|c| *c == '\n' || !c.is_control()).collect();
        pktline::put_band(buffer, 2, format!("{}\n", clean.trim_end_matches('\n')).as_bytes());
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Head {
    commands: Vec<PushCommand>,
    options: PushOptions,
    capabilities: Capabilities,
}

/// Reads the beginning of a push; `None` when more bytes are needed.
fn parse_head(buffer: &[u8]) -> Result<Option<Head>, ServeError> {
    let malformed = |_| ServeError::BadRequest("the push is not made of packets");
    let mut head = Head::default();
    let mut options = Vec::new();
    let mut at = 0;
    let mut in_options = false;
    loop {
        let Some((packet, length)) = pktline::next(&buffer[at..]).map_err(malformed)? else {
            return Ok(None);
        };
        at += length;
        match packet {
            Packet::Data(line) if in_options => options.push(text(line)?),
            Packet::Data(line) => parse_line(line, &mut head)?,
            Packet::Flush if !in_options && head.capabilities.push_options => in_options = true,
            Packet::Flush => break,
            Packet::Delimiter => return Err(ServeError::BadRequest("a push has no sections")),
        }
    }
    head.options = PushOptions::parse(options);
    Ok(Some(head))
}

fn parse_line(line: &[u8], head: &mut Head) -> Result<(), ServeError> {
    let zero = line.iter().position(|byte| *byte == 0);
    let (command, capabilities) = line.split_at(zero.unwrap_or(line.len()));
    let command = text(command)?;
    if command.starts_with("shallow ") {
        return Ok(());
    }
    if head.commands.is_empty() {
        head.capabilities = parse_capabilities(&String::from_utf8_lossy(capabilities));
    }
    let malformed = || ServeError::BadRequest("a ref update is not `<old id> <new id> <ref>`");
    let mut parts = command.splitn(3, ' ');
    let mut part = || parts.next().ok_or_else(malformed);
    let (old, new, name) = (part()?, part()?, part()?);
    let id = |text: &str| text.parse::<Sha>().map_err(|_| malformed());
    let (old, new) = (id(old)?, id(new)?);
    if old.as_str().len() != new.as_str().len() || name.is_empty() {
        return Err(malformed());
    }
    head.commands.push(PushCommand {
        old,
        new,
        ref_name: name.to_owned(),
    });
    Ok(())
}

fn parse_capabilities(text: &str) -> Capabilities {
    let mut capabilities = Capabilities::default();
    for word in text.split(['\0', ' ', '\n']) {
        match word {
            "report-status" | "report-status-v2" => capabilities.report_status = true,
            "side-band-64k" => capabilities.side_band = true,
            "push-options" => capabilities.push_options = true,
            _ => {}
        }
    }
    capabilities
}

fn text(line: &[u8]) -> Result<&str, ServeError> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    std::str::from_utf8(line).map_err(|_| ServeError::BadRequest("ref names and push options are UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "1111111111111111111111111111111111111111";
    const B: &str = "2222222222222222222222222222222222222222";
    const ZERO: &str = "0000000000000000000000000000000000000000";

    /// Packets from lines; an empty line is a flush.
    fn packets(lines: &[&str]) -> Vec<u8> {
        let mut buffer = BytesMut::new();
        for line in lines {
            match *line {
                "" => buffer.extend_from_slice(pktline::FLUSH),
                line => pktline::put(&mut buffer, line.as_bytes()),
            }
        }
        buffer.to_vec()
    }

    #[test]
    fn commands_capabilities_and_options_are_read_and_the_pack_is_left() {
        let first = format!("{A} {B} refs/heads/main\0 report-status-v2 side-band-64k push-options object-format=sha1");
        let second = format!("{ZERO} {A} refs/tags/v 1\n");
        let shallow = format!("shallow {A}");
        let mut bytes = packets(&[&shallow, &first, &second, "", "ci.variable=K=a=b", "ci.skip", ""]);
        let length = bytes.len();
        bytes.extend_from_slice(b"PACK...");
        let head = parse_head(&bytes).unwrap().unwrap();
        assert_eq!(head.commands.len(), 2);
        assert_eq!(head.commands[0].ref_name, "refs/heads/main");
        assert_eq!(head.commands[1].ref_name, "refs/tags/v 1");
        assert!(head.commands[1].creates() && !head.commands[1].deletes());
        assert!(head.options.skip_ci);
        assert_eq!(head.options.variables, [("K".to_owned(), "a=b".to_owned())]);
        assert_eq!(
            head.capabilities,
            Capabilities {
                report_status: true,
                side_band: true,
                push_options: true
            }
        );
        for end in 0..length {
            assert!(parse_head(&bytes[..end]).unwrap().is_none(), "{end}");
        }
    }

    #[test]
    fn a_lone_flush_is_a_push_of_nothing() {
        assert_eq!(parse_head(b"0000").unwrap(), Some(Head::default()));
    }

    #[test]
    fn what_is_not_a_push_is_refused() {
        let long = "3".repeat(64);
        for lines in [
            &["hello", ""][..],
            &[&format!("{A} {B}"), ""],
            &[&format!("{A} {B} "), ""],
            &[&format!("{A} {} refs/heads/x", &A[1..]), ""],
            &[&format!("{A} {long} refs/heads/x"), ""],
            &[&format!("{A} {} refs/heads/x", "G".repeat(40)), ""],
            &["push-cert\0push-options", ""],
        ] {
            assert!(
                matches!(parse_head(&packets(lines)), Err(ServeError::BadRequest(_))),
                "{lines:?}"
            );
        }
        for bytes in [&b"zzzz"[..], b"0001", b"0003", b"000a\xff\xfe\xfd\xfc\xfb\xfa"] {
            assert!(matches!(parse_head(bytes), Err(ServeError::BadRequest(_))), "{bytes:?}");
        }
    }

    #[test]
    fn push_options_are_sorted_by_what_they_mean() {
        let options = PushOptions::parse([
            "ci.variable=A=1",
            "ci.variable=B=x=y",
            "ci.variable=EMPTY=",
            "ci.variable=novalue",
            "ci.variable==x",
            "ci.input=env=prod",
            "merge_request.create",
            "ci.no_pipeline",
            "",
        ]);
        let pairs = |list: &[(&str, &str)]| {
            list.iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect::<Vec<_>>()
        };
        assert!(options.skip_ci);
        assert_eq!(options.variables, pairs(&[("A", "1"), ("B", "x=y"), ("EMPTY", "")]));
        assert_eq!(options.inputs, pairs(&[("env", "prod")]));
        assert_eq!(
            options.others,
            ["ci.variable=novalue", "ci.variable==x", "merge_request.create", ""]
        );
    }

    #[test]
    fn a_refusal_names_the_ref_in_the_form_the_client_understands() {
        let command = |name: &str| PushCommand {
            old: Sha::zero(),
            new: A.parse().unwrap(),
            ref_name: name.to_owned(),
        };
        let commands = [command("refs/heads/main"), command("refs/heads/x")];
        let refusal = Refusal {
            message: "No.\u{1b}[31m".into(),
            refs: vec![("refs/heads/main".into(), "protected branch".into())],
        };
        let report = "000eunpack ok\n0028ng refs/heads/main protected branch\n\
            0042ng refs/heads/x refused together with other refs of this push\n0000";
        let plain = refusal.answer(
            &commands,
            Capabilities {
                report_status: true,
                ..Capabilities::default()
            },
        );
        assert_eq!(plain, report);
        let banded = refusal.answer(
            &commands,
            Capabilities {
                report_status: true,
                side_band: true,
                push_options: false,
            },
        );
        let expected = format!("000d\u{2}No.[31m\n{:04x}\u{1}{report}0000", report.len() + 5);
        assert_eq!(banded, expected.as_bytes());
        assert_eq!(refusal.answer(&commands, Capabilities::default()), "");
    }

    #[test]
    fn refs_of_the_server_and_bad_names_are_faults() {
        for (name, delete, faulty) in [
            ("refs/heads/main", false, false),
            ("refs/notes/x", false, false),
            ("refs/pipelines/1", false, true),
            ("refs/pipelines/1", true, true),
            ("refs/keep-around/x", false, true),
            ("refs/replace/x", false, true),
            ("refs/heads/-x", false, true),
            ("refs/heads/-x", true, false),
            ("refs/heads/a..b", false, true),
            ("HEAD", false, true),
            ("../x", false, true),
        ] {
            let new = if delete { Sha::zero() } else { A.parse().unwrap() };
            let command = PushCommand {
                old: B.parse().unwrap(),
                new,
                ref_name: name.into(),
            };
            assert_eq!(command.fault().is_some(), faulty, "{name} {delete}");
        }
    }
}
