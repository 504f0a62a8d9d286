//! How long the hot path takes; printed, not judged.

use git::Resolution;

use crate::fixture::Fixture;

#[test]
fn resolving_and_reading_many_times_gives_the_same_answer() {
    let fixture = Fixture::new();
    let head = fixture.commit("main", &[(".gitlab-ci.yml", "a: {script: x}")], "first");
    for packed in [false, true] {
        if packed {
            fixture.git(&["gc", "-q"]);
        }
        let start = std::time::Instant::now();
        let rounds = 2_000;
        for _ in 0..rounds {
            let Resolution::Found(found) = fixture.repo.resolve("main").unwrap() else {
                panic!("main is there")
            };
            assert_eq!(found.sha, head);
            assert!(fixture.repo.file(&found.sha, ".gitlab-ci.yml", 1000).unwrap().is_some());
        }
        println!("{:?} for one ref and blob, packed: {packed}", start.elapsed() / rounds);
    }
}
