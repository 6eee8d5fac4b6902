//! One file from the hub, in pieces, so that an interrupted download goes on where it stopped.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use hf_hub::repository::RepoTreeEntry;
use hf_hub::{HFClient, HFClientSync, HFError};
use indicatif::{ProgressBar, ProgressStyle};
use real_data::Cache;
use real_data::catalogue::{Item, Kind, RemoteFile};

use crate::{Fetch, estimate, verify};

/// Bytes of one request; what an interruption costs at most.
const PIECE: u64 = 4 << 20;
/// How often a piece is asked for before the download is given up for now.
const ATTEMPTS: usize = 3;

/// Where a file lies when all of it has come and its checksum was right.
pub(crate) fn complete_path(cache: &Cache, file: &RemoteFile) -> PathBuf {
    let extension = file.path.rsplit('.').next().unwrap_or_default();
    let name = match file.sha256.as_str() {
        // Only its size is known; two revisions of one size would be taken for one, so nothing is kept under it.
        "" => format!("unknown-{}", file.size),
        sha256 => sha256.to_string(),
    };
    cache.downloads().join(format!("{name}.{extension}"))
}

/// Where it lies before.
pub(crate) fn partial_path(cache: &Cache, file: &RemoteFile) -> PathBuf {
    complete_path(cache, file).with_extension("partial")
}

fn length(path: &Path) -> u64 {
    path.metadata().map_or(0, |about| about.len())
}

impl Fetch {
    /// Downloads a file of an item, or finishes its download; returns where it lies.
    ///
    /// **Errors** if the hub cannot be reached, has no such file, or sends another one.
    pub(crate) fn download(&self, item: &Item, file: &RemoteFile) -> Result<PathBuf> {
        let complete = complete_path(&self.cache, file);
        let partial = partial_path(&self.cache, file);
        if file.sha256.is_empty() {
            // Nothing tells whether what is there is of this revision.
            for path in [&complete, &partial] {
                std::fs::remove_file(path).ok();
            }
        } else if complete.is_file() && verify(&complete, file).is_ok() {
            return Ok(complete);
        }
        let before = length(&partial);
        self.fill(item, file, &partial)?;
        if let Err(wrong) = verify(&partial, file) {
            std::fs::remove_file(&partial)?;
            if before == 0 {
                return Err(wrong.context(format!(
                    "{} has another {} than this course was made with; nothing was kept",
                    self.endpoint(),
                    file.path
                )));
            }
            // What was there may have been the fault: once more from the beginning.
            println!("what was there of {} was damaged: from the beginning", file.path);
            return self.download(item, file);
        }
        std::fs::rename(&partial, &complete)?;
        Ok(complete)
    }

    /// Asks for what `partial` lacks, piece by piece.
    fn fill(&self, item: &Item, file: &RemoteFile, partial: &Path) -> Result<()> {
        if length(partial) > file.size {
            std::fs::remove_file(partial)?;
        }
        let mut done = length(partial);
        println!(
            "{} from {}: {}{}",
            file.path,
            self.endpoint(),
            estimate(file.size - done),
            if done > 0 { " for what is left" } else { "" }
        );
        let client = self.client()?;
        let mut output = OpenOptions::new()
            .create(true)
            .append(true)
            .open(partial)
            .with_context(|| partial.display().to_string())?;
        let bar = bar(file.size, done);
        while done < file.size {
            let range = done..file.size.min(done + PIECE);
            let expected = range.end - range.start;
            let mut attempt = 1;
            let bytes = loop {
                match piece(&client, item, file, range.clone()) {
                    Ok(bytes) => break bytes,
                    // Only where something has come: without any network, trying again is waiting.
                    Err(HFError::Request { .. }) if done > 0 && attempt < ATTEMPTS => {
                        std::thread::sleep(Duration::from_secs(attempt as u64));
                        attempt += 1;
                    }
                    Err(error) => return Err(self.explain(error, item, file, done)),
                }
            };
            if bytes.len() as u64 != expected {
                if is_web_page(&bytes) {
                    return Err(self.web_page(item));
                }
                bail!(
                    "{} sent {} bytes of {} where {expected} were asked for",
                    self.endpoint(),
                    bytes.len(),
                    file.path
                );
            }
            output
                .write_all(&bytes)
                .with_context(|| format!("{} cannot be written", partial.display()))?;
            done += expected;
            bar.set_position(done);
        }
        output.sync_all()?;
        bar.finish_and_clear();
        Ok(())
    }

    fn client(&self) -> Result<HFClientSync> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("fetch/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(20))
            .read_timeout(Duration::from_secs(60));
        // A proxy, if one is set, does not know this machine's own addresses.
        let http = if self.endpoint().starts_with("http://127.0.0.1") {
            http.no_proxy().build()?
        } else {
            http.build()?
        };
        let client = HFClient::builder()
            .client(http)
            .retry_max_attempts(3)
            .endpoint(self.endpoint());
        Ok(client.build_sync()?)
    }

    /// The hub's address.
    pub(crate) fn endpoint(&self) -> String {
        let set = self.endpoint.clone();
        set.or_else(|| std::env::var("HF_ENDPOINT").ok())
            .unwrap_or_else(|| "https://huggingface.co".into())
    }

    /// An item with the sizes and checksums that the hub tells for another revision.
    pub(crate) fn at_revision(&self, item: &Item, revision: &str) -> Result<Item> {
        let client = self.client()?;
        let paths: Vec<String> = item.files.iter().map(|file| file.path.clone()).collect();
        let other = Item {
            revision: revision.into(),
            ..item.clone()
        };
        let told = match item.kind {
            Kind::Data => {
                let repository = client.dataset(&item.owner, &item.repository);
                repository.get_paths_info().paths(paths).revision(revision).send()
            }
            Kind::Weights => {
                let repository = client.model(&item.owner, &item.repository);
                repository.get_paths_info().paths(paths).revision(revision).send()
            }
        };
        let told = told.map_err(|error| self.explain(error, &other, &item.files[0], 0))?;
        let files = item.files.iter().map(|file| {
            let found = told.iter().find_map(|entry| match entry {
                RepoTreeEntry::File { path, size, lfs, .. } if *path == file.path => Some((*size, lfs)),
                _ => None,
            });
            let (size, lfs) = found.with_context(|| self.renamed(&other, file))?;
            let sha256 = lfs.as_ref().and_then(|lfs| lfs.sha256.clone());
            Ok(RemoteFile {
                size,
                sha256: sha256.unwrap_or_default(),
                ..file.clone()
            })
        });
        let files = files.collect::<Result<Vec<_>>>()?;
        Ok(Item { files, ..other })
    }

    /// The hub answered, but with a page for people.
    fn web_page(&self, item: &Item) -> anyhow::Error {
        anyhow!(
            "{} answered with a web page instead of the file, as a network does in which one has to log in first: open a \
             browser, log in, and run `cargo run -p fetch -- {}` again",
            self.endpoint(),
            item.name
        )
    }

    /// The hub has no such file there.
    fn renamed(&self, item: &Item, file: &RemoteFile) -> String {
        format!(
            "{} has no {} in {}/{} at revision {}; where it was renamed or removed, `--revision main` asks for what is there \
             now, and `--from FOLDER` takes a file that you have",
            self.endpoint(),
            file.path,
            item.owner,
            item.repository,
            item.revision
        )
    }

    /// What to do about a failed request, in a sentence.
    fn explain(&self, error: HFError, item: &Item, file: &RemoteFile, done: u64) -> anyhow::Error {
        let endpoint = self.endpoint();
        let again = format!("`cargo run -p fetch -- {}`", item.name);
        match error {
            HFError::Request { .. } if done == 0 => anyhow!(
                "{endpoint} cannot be reached: run {again} where there is a network, or copy {} from another machine \
                 and add `--from FOLDER`",
                file.path
            ),
            HFError::Request { .. } => anyhow!(
                "the connection to {endpoint} broke off after {done} of {} bytes, which are kept: run {again} again \
                 to go on",
                file.size
            ),
            HFError::EntryNotFound { .. } | HFError::RepoNotFound { .. } | HFError::RevisionNotFound { .. } => {
                anyhow!(self.renamed(item, file))
            }
            HFError::RateLimited { retry_after, .. } => anyhow!(
                "{endpoint} is asked too often from here and wants a pause{}: run {again} later; {done} of {} bytes are kept",
                retry_after.map_or(String::new(), |wait| format!(" of {} s", wait.as_secs())),
                file.size
            ),
            HFError::AuthRequired { .. } | HFError::Forbidden { .. } => anyhow!(
                "{endpoint} wants a login for {}/{}, which needs none on the hub itself: see whether HF_ENDPOINT names the right \
                 one, and whether {} is still there",
                item.owner,
                item.repository,
                file.path
            ),
            HFError::MalformedResponse { .. } | HFError::Json(_) => self.web_page(item),
            other => anyhow!("{endpoint}: {other}"),
        }
    }
}

/// Whether these are the first bytes of a page for people.
fn is_web_page(bytes: &[u8]) -> bool {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(64)])
        .trim_start()
        .to_lowercase();
    start.starts_with("<!doctype html") || start.starts_with("<html")
}

/// Some bytes of a file.
fn piece(
    client: &HFClientSync,
    item: &Item,
    file: &RemoteFile,
    range: std::ops::Range<u64>,
) -> hf_hub::HFResult<impl std::ops::Deref<Target = [u8]> + use<>> {
    let (owner, name) = (&item.owner, &item.repository);
    let (path, revision) = (&file.path, &item.revision);
    match item.kind {
        Kind::Data => client
            .dataset(owner, name)
            .download_file_to_bytes()
            .filename(path)
            .revision(revision)
            .range(range)
            .send(),
        Kind::Weights => client
            .model(owner, name)
            .download_file_to_bytes()
            .filename(path)
            .revision(revision)
            .range(range)
            .send(),
    }
}

fn bar(size: u64, done: u64) -> ProgressBar {
    const TEMPLATE: &str = "{bar:30} {decimal_bytes}/{decimal_total_bytes}  {decimal_bytes_per_sec}, {eta} left";
    let style = ProgressStyle::with_template(TEMPLATE).expect("a valid template");
    let bar = ProgressBar::new(size).with_style(style);
    bar.set_position(done);
    bar.reset_eta();
    bar
}
