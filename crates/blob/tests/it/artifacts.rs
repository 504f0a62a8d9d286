//! Taking in, keeping, reading, removing.

use std::io::{Read, Seek, SeekFrom};

use blob::{Artifacts, Error};
use bytes::Bytes;
use model::ArtifactId;

use crate::Folder;

const ID: ArtifactId = ArtifactId(5);

#[tokio::test]
async fn a_file_comes_in_as_a_stream_and_is_read_again() {
    let folder = Folder::new();
    let artifacts = Artifacts::new(&folder.0).unwrap();
    let mut upload = artifacts.upload(100).await.unwrap();
    upload.write(Bytes::from_static(b"ab")).await.unwrap();
    upload.write(Bytes::from_static(b"c")).await.unwrap();
    let staged = upload.finish().await.unwrap();
    assert_eq!(staged.size, 3);
    assert_eq!(
        staged.sha256_hex(),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    assert!(artifacts.read(ID).await.unwrap().is_none());
    staged.keep(ID).await.unwrap();
    assert_eq!(
        artifacts.read(ID).await.unwrap().unwrap().read_all().await.unwrap(),
        b"abc"
    );
    assert_eq!(
        artifacts
            .read_range(ID, 1..2)
            .await
            .unwrap()
            .unwrap()
            .read_all()
            .await
            .unwrap(),
        b"b"
    );
    let mut seekable = artifacts.open_seekable(ID).unwrap().unwrap();
    let mut end = String::new();
    seekable.seek(SeekFrom::End(-1)).unwrap();
    seekable.read_to_string(&mut end).unwrap();
    assert_eq!(end, "c");
    assert_eq!(folder.files(), 1);
}

#[tokio::test]
async fn what_is_too_large_or_abandoned_leaves_nothing() {
    let folder = Folder::new();
    let artifacts = Artifacts::new(&folder.0).unwrap();
    let mut upload = artifacts.upload(3).await.unwrap();
    upload.write(Bytes::from_static(b"abc")).await.unwrap();
    let refused = upload.write(Bytes::from_static(b"d")).await;
    assert!(matches!(refused, Err(Error::TooLarge { limit: 3 })));
    assert!(upload.write(Bytes::from_static(b"")).await.is_err());
    assert!(upload.finish().await.is_err());
    drop(artifacts.upload(3).await.unwrap());
    drop(artifacts.upload(3).await.unwrap().finish().await.unwrap());
    assert_eq!(folder.files(), 0);
}

#[tokio::test]
async fn a_reader_outlives_the_file() {
    let folder = Folder::new();
    let artifacts = Artifacts::new(&folder.0).unwrap();
    let mut upload = artifacts.upload(u64::MAX).await.unwrap();
    upload.write(vec![7; 1_000_000].into()).await.unwrap();
    upload.finish().await.unwrap().keep(ID).await.unwrap();
    let mut reader = artifacts.read(ID).await.unwrap().unwrap();
    let first = reader.next().await.unwrap().unwrap();
    assert!(artifacts.delete(ID).await.unwrap());
    assert!(!artifacts.delete(ID).await.unwrap());
    assert_eq!(first.len() + reader.read_all().await.unwrap().len(), 1_000_000);
    assert!(artifacts.read(ID).await.unwrap().is_none());
}

#[tokio::test]
async fn a_restart_removes_what_began_to_come_in_long_ago() {
    let folder = Folder::new();
    let artifacts = Artifacts::new(&folder.0).unwrap();
    let uploads = [artifacts.upload(3).await.unwrap(), artifacts.upload(3).await.unwrap()];
    // As if the process had been killed: nothing is dropped.
    uploads.into_iter().for_each(std::mem::forget);
    let mut left = std::fs::read_dir(folder.0.join("incoming")).unwrap();
    let old = std::fs::File::options()
        .write(true)
        .open(left.next().unwrap().unwrap().path())
        .unwrap();
    old.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    Artifacts::new(&folder.0).unwrap();
    assert_eq!(folder.files(), 1);
}
