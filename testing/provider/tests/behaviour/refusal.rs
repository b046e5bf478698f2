use crate::client::Client;

#[tokio::test]
async fn a_login_without_a_name_shows_the_page_again() {
    let mut client = Client::new();
    let url = client.authorization_url(&[]);
    for form in [&[("name", "  "), ("decision", "login")][..], &[("name", "Ada")]] {
        let page = client.browser.post(&url, form).await.unwrap();
        assert_eq!(page.status, 200);
        assert!(page.body.contains("<form"));
    }
}

#[tokio::test]
async fn a_state_that_was_not_sent_is_not_returned() {
    let mut client = Client::new();
    let redirect = client.decide(&[("state", None)], "login").await;
    assert!(redirect.parameter("code").is_some());
    assert!(redirect.parameter("state").is_none());
}
