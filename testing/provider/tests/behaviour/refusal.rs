use crate::client::{Client, REDIRECT_URI};

#[tokio::test]
async fn a_person_who_refuses_sends_the_client_away() {
    let mut client = Client::new();
    let redirect = client.decide(&[], "refuse").await;
    assert_eq!(redirect.to(), REDIRECT_URI);
    assert_eq!(redirect.parameter("error").unwrap(), "access_denied");
    assert_eq!(redirect.parameter("state").unwrap(), "a state");
    assert_eq!(redirect.parameter("iss").unwrap(), client.provider.issuer());
    assert!(redirect.parameter("code").is_none());
}

#[tokio::test]
async fn whoever_gives_no_name_is_asked_again() {
    let mut client = Client::new();
    let url = client.authorization_url(&[]);
    for form in [&[("name", "  "), ("decision", "login")][..], &[("name", "Ada")]] {
        let page = client.browser.post(&url, form).await.unwrap();
        assert_eq!(page.status, 200);
        assert!(page.body.contains("<form"));
    }
}

#[tokio::test]
async fn a_state_that_was_not_sent_does_not_come_back() {
    let mut client = Client::new();
    let redirect = client.decide(&[("state", None)], "login").await;
    assert!(redirect.parameter("code").is_some());
    assert!(redirect.parameter("state").is_none());
}
