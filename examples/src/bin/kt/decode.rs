//! `kt decode`: prints any frame of the protocol or segment of a log.

mod base64;
mod frames;
mod segments;
mod stored;
mod text;

use crate::failure::{Failure, Outcome};
use crate::output::Out;
use bytes::Bytes;
use frames::Frames;
use segments::Segments;
use std::fs::File;
use std::io::{BufReader, Read, stdin};
use std::path::{Path, PathBuf};

/// Print frames and log segments in readable form
///
/// What it is told is found out: a log segment or a directory with logs, also of internal topics, is printed as Kafka's
/// dump tool prints it, and anything else is taken for frames, with or without their length in front. A request says
/// what it is; of a response everything it could be is tried, unless --api tells.
#[derive(Debug, clap::Args)]
pub(crate) struct Decode {
    /// A file, or a directory of logs; the standard input if there is none or it is -
    #[arg(value_name = "PATH")]
    path: Option<PathBuf>,
    /// The input is text of hexadecimal digits
    #[arg(long)]
    hex: bool,
    /// The API of the frame, by name or number: Fetch or 1
    #[arg(long, value_name = "API", value_parser = frames::api)]
    api: Option<kafka_proto::api::ApiKey>,
    /// Its version
    #[arg(long, value_name = "N")]
    api_version: Option<i16>,
    /// It is a request
    #[arg(long, conflicts_with = "response")]
    request: bool,
    /// It is a response
    #[arg(long)]
    response: bool,
    /// It is this message of Kafka's definitions, without a frame: ConsumerProtocolAssignment, TopicRecord, …
    #[arg(long, value_name = "MESSAGE", conflicts_with_all = ["api", "request", "response"])]
    message: Option<String>,
    /// Read records as those of this topic: __consumer_offsets, __cluster_metadata, …
    #[arg(long, value_name = "TOPIC")]
    topic: Option<String>,
    /// Of segments, print batches without their records
    #[arg(long)]
    batches_only: bool,
}

impl Decode {
    pub(crate) fn run(&self, out: &mut Out) -> Outcome {
        let path = self.path.as_deref().filter(|path| *path != Path::new("-"));
        match path {
            Some(path) if path.is_dir() => self.directory(path, out),
            Some(path) if !self.hex && is_segment(path) => self.segment(path, out),
            Some(path) => {
                let read = std::fs::read(path);
                let bytes = read.map_err(|error| in_file(path, &error))?;
                self.bytes(bytes, out)
            }
            None => {
                let mut bytes = Vec::new();
                let read = stdin().lock().read_to_end(&mut bytes);
                read.map_err(|error| Failure::of("read the standard input", error))?;
                self.bytes(bytes, out)
            }
        }
    }

    fn bytes(&self, bytes: Vec<u8>, out: &mut Out) -> Outcome {
        let bytes = if self.hex { unhex(&bytes).map_err(Failure::Failed)? } else { bytes };
        if bytes.is_empty() {
            return Err(Failure::Failed("there is nothing to decode: no byte came".to_owned()));
        }
        let bytes = Bytes::from(bytes);
        let told = self.api.is_some() || self.request || self.response || self.message.is_some();
        if !told && segments::begins(&bytes) {
            return self.segments(self.topic.as_deref()).print(&mut &bytes[..], out);
        }
        let (api, version) = (self.api, self.api_version);
        let frames = Frames { api, version, request: self.request, response: self.response };
        match &self.message {
            Some(name) => frames::message(name, bytes, version, out),
            None => frames.print(&bytes, out),
        }
    }

    fn segments<'a>(&'a self, topic: Option<&'a str>) -> Segments<'a> {
        Segments { topic: self.topic.as_deref().or(topic), records: !self.batches_only }
    }

    fn segment(&self, path: &Path, out: &mut Out) -> Outcome {
        let file = File::open(path).map_err(|error| in_file(path, &error))?;
        out.remark(format_args!("Dumping {}", path.display()))?;
        let folder = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let folder = folder.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        let topic = folder.and_then(|name| name.rsplit_once('-')).map(|(topic, _)| topic);
        let printed = self.segments(topic).print(&mut BufReader::new(file), out);
        printed.map_err(|failure| match failure {
            Failure::Failed(reason) => Failure::of(path.display(), reason),
            other => other,
        })
    }

    /// All segments of a partition, or of all partitions of a log directory.
    fn directory(&self, path: &Path, out: &mut Out) -> Outcome {
        let mut segments = files(path)?;
        for folder in entries(path)?.iter().filter(|entry| entry.is_dir()) {
            segments.extend(files(folder)?);
        }
        if segments.is_empty() {
            let reason = format!("{} holds no logs: no files *.log", path.display());
            return Err(Failure::Failed(reason));
        }
        segments.iter().try_for_each(|segment| self.segment(segment, out))
    }
}

fn in_file(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::of(path.display(), error)
}

fn is_segment(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "log" || end == "checkpoint")
}

fn files(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut files = entries(folder)?;
    files.retain(|entry| entry.extension().is_some_and(|end| end == "log") && entry.is_file());
    Ok(files)
}

/// What is in a directory, by name.
fn entries(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let read = std::fs::read_dir(folder).map_err(|error| in_file(folder, &error))?;
    let mut entries: Vec<_> = read.filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort();
    Ok(entries)
}

/// Digits in pairs; blanks and colons between them do not count.
fn unhex(text: &[u8]) -> Result<Vec<u8>, String> {
    let digits = text.iter().filter(|byte| !byte.is_ascii_whitespace() && **byte != b':');
    let digits: Option<Vec<u8>> =
        digits.map(|digit| char::from(*digit).to_digit(16)?.try_into().ok()).collect();
    let digits = digits.ok_or("--hex: the input is no text of hexadecimal digits")?;
    match digits.chunks_exact(2) {
        pairs if pairs.remainder().is_empty() => {
            Ok(pairs.map(|pair| pair[0] << 4 | pair[1]).collect())
        }
        _ => Err(format!("--hex: {} digits make no bytes, one is left over", digits.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_text_is_read() {
        assert_eq!(unhex(b"00 0a\nFF:10").unwrap(), [0, 10, 255, 16]);
        assert!(unhex(b"0").unwrap_err().contains("one is left over"));
        assert!(unhex(b"xy").is_err());
    }
}
