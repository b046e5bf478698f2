// Included by the examples in the documentation: a provider on this machine, and a browser
// in which Ada Lovelace logs in at once.

struct Ada;

impl latchstring::capability::browser::Browser for Ada {
    fn open(&self, url: &str) -> Result<(), latchstring::Error> {
        let url = url.to_owned();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let visitor = latchstring_provider::visitor::Visitor::default();
            runtime.expect("a runtime").block_on(visitor.visit(&url)).expect("the last page");
        });
        Ok(())
    }
}

fn provider() -> latchstring_provider::Provider {
    latchstring_provider::Provider::start(Default::default()).expect("a provider")
}
