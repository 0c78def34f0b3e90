//! Old files put back by hand, without a restore that marks them: the witness speaks.

use serde_json::json;

use super::{all_signed, compared, copy_files, leaves, put_files, report, words};
use crate::cli::{NOT_ALLOWED, OK, PARTLY, UNREACHABLE, run, run_with};
use crate::hub::{GEMEENTE, POLITIE, Place, XML, until, verify};

#[tokio::test(flavor = "multi_thread")]
async fn old_files_are_noticed_at_the_start() {
    let hub = Place::new().start().await;
    let (politie, gemeente) = (hub.token(POLITIE).await, hub.token(GEMEENTE).await);
    assert!(hub.send(&politie, XML, &report(1)).await.is_accepted());
    let place = hub.stop().await;
    let old = tempfile::tempdir().expect("a folder");
    copy_files(&place, old.path());
    let hub = place.start().await;
    let (before, _) = leaves(&hub).await;
    let receipt = hub.send(&politie, XML, &report(2)).await;
    assert_eq!(hub.empty_mailbox(&gemeente).await.len(), 2);
    let signed = all_signed(&hub).await;
    // What the recipient keeps has the newest checkpoint in it.
    assert!(hub.send(&politie, XML, &report(3)).await.is_accepted());
    let parcel = hub.collect(&gemeente).await.remove(0);
    let place = hub.kill().await;
    let shown = old.path().join("zending.json");
    std::fs::write(&shown, parcel.whole.to_string()).expect("a file");

    put_files(&place, old.path());
    let hub = place.start_closed(&[]).await;
    assert_eq!(compared(&hub).await.1["gereed"], json!(false));
    assert!(hub.place.log().contains("er is meer ondertekend dan het logboek heeft"));
    let told = run(&hub.place, &["restore", "compare", "-o", "json"]).ends(PARTLY).json();
    let missing = told["vergelijking"]["ontbrekendeBladen"].as_u64().expect("a number");
    assert!(missing >= signed - before, "{told}");
    assert_eq!(told["herstel"]["waarom"], "achter-getuige");

    // The same without any witness: a partner's parcel says it as well.
    let place = hub.stop().await;
    std::fs::remove_dir_all(place.data().join("getuige")).expect("the witness");
    put_files(&place, old.path());
    let hub = place.start().await;
    all_signed(&hub).await;
    run(&hub.place, &["restore", "compare"]).ends(OK).shows("Er ontbreekt niets");
    let file = words(&shown);
    run(&hub.place, &["restore", "compare", "--checkpoint", &file])
        .ends(PARTLY)
        .says("alleen gelezen");
    assert_eq!(hub.send(&politie, XML, &report(4)).await.status, 503, "and closes the hub");
    run(&hub.place, &["restore", "release", "--by", "anna", "--why", "oude schijf"]).ends(OK);
    let told = until("the hub goes on", async || {
        let told = hub.send(&politie, XML, &report(2)).await;
        told.is_accepted().then_some(told)
    })
    .await;
    assert_ne!(told.message(), receipt.message());
    let place = hub.stop().await;
    verify(&place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_elsewhere_speaks_where_the_whole_folder_is_old() {
    let elsewhere = tempfile::tempdir().expect("another disk");
    let env = [("SCHAKEL_JOURNAL__WITNESS", elsewhere.path().to_str().expect("text"))];
    let hub = Place::new().start_with(&env).await;
    let politie = hub.token(POLITIE).await;
    let place = hub.stop().await;
    let old = tempfile::tempdir().expect("a folder");
    copy_files(&place, old.path());
    let hub = place.start_with(&env).await;
    assert!(hub.send(&politie, XML, &report(1)).await.is_accepted());
    all_signed(&hub).await;
    let place = hub.stop().await;
    std::fs::remove_dir_all(place.data().join("getuige")).expect("the witness");
    put_files(&place, old.path());

    // A command that writes is held to it as well, where no hub runs.
    let key = ["partner", "key", POLITIE];
    run_with(&place, &env, &key).ends(UNREACHABLE).says("alleen gelezen");
    let hub = place.start_closed(&env).await;
    run_with(&hub.place, &env, &["restore", "compare"]).ends(PARTLY).shows("ontbreken");
    let place = hub.stop().await;
    // The witness of another hub is a mistake, and no hub starts on it.
    let other = Place::new();
    run_with(&other, &env, &["partner", "key", POLITIE]).ends(NOT_ALLOWED).says("journal.witness");
    drop(place);
}
