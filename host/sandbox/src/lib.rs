//! Runs the component in a sandbox: no imports, little memory, little time.
//!
//! `build.rs` compiles the component ahead of time; this program contains no compiler.
//!
//! A host is a loop around [`Instance::next`]:
//!
//! ```
//! use latchstring_core::contract::{Action, Client, Context, Outcome, Reply};
//! use latchstring_sandbox::Sandbox;
//!
//! # fn main() -> Result<(), latchstring_core::error::Error> {
//! let client = Client::new(Some("https://id.example.com".into()), "my-cli".into());
//! let context = Context { now_ms: 0, entropy: (0..32).collect() };
//! let mut instance = Sandbox::load()?.instantiate()?;
//! // Nothing is stored.
//! let session = instance.logout(&client, None, false, &context)?;
//!
//! // Another process may be logging in.
//! assert!(matches!(instance.next(&session, &Reply::Begin, 0)?, Action::Lock));
//! let action = instance.next(&session, &Reply::Locked(None), 0)?;
//! assert!(matches!(action, Action::Done(Outcome::LoggedOut(_))));
//! # Ok(())
//! # }
//! ```

mod admission;
pub mod by_name;
mod machine_code;
mod recording;
pub mod rules;

use std::sync::LazyLock;

use serde::Serialize;
use wasmtime::component::{Component, ResourceAny};
use wasmtime::{Engine, Store, StoreLimits, StoreLimitsBuilder, Trap};

use latchstring_core::contract::{
    Action, Client, Context, Demand, Description, DpopKey, Facts, Failure, FlowChoice, Login,
    LoginPre, LoginRequest, ProvenRequest, Reply, Tokens,
};
use latchstring_core::error::{Code, Error};

pub use recording::{RecordedStep, Recorder, Recording};

/// The component as a WebAssembly binary, for inspection and for other runtimes.
pub const COMPONENT: &[u8] = include_bytes!(env!("LATCHSTRING_COMPONENT"));

/// The component's world as WIT. It was checked when this program was built.
pub const WORLD: &str = include_str!(env!("LATCHSTRING_COMPONENT_WORLD"));

/// Most linear memory of one instance, in bytes. A login needs 2 MiB, and a response of the
/// largest size a few times its own size.
const MEMORY_BYTES: usize = 64 << 20;

/// Fuel for one call, roughly in instructions: a time limit of a few seconds without a
/// clock. The most expensive honest step, which checks an ID token against several keys,
/// takes a quarter of it.
const FUEL_PER_CALL: u64 = 2_000_000_000;

/// Most bytes, approximately, that one call may return: lists can refer to the same memory
/// many times and so be far larger than it. An honest action has little more than a
/// session, which has at most 1 MiB.
const BYTES_PER_CALL: usize = 4 << 20;

/// Most elements of the function table. The component's own has some hundreds.
const TABLE_ELEMENTS: usize = 20_000;

/// Most sessions open in one instance. A host opens one after the other.
const SESSIONS: usize = 64;

/// The component, loaded, checked, and ready to be instantiated.
pub struct Sandbox {
    engine: Engine,
    login: LoginPre<StoreLimits>,
}

impl Sandbox {
    /// Returns the embedded component, which is loaded once in a process.
    ///
    /// # Errors
    ///
    /// Returns `sandbox-fault` if the component cannot be loaded.
    pub fn load() -> Result<&'static Self, Error> {
        static LOADED: LazyLock<Result<Sandbox, Error>> = LazyLock::new(|| {
            let (engine, component) = machine_code::load()?;
            Sandbox::new(engine, &component)
        });
        LOADED.as_ref().map_err(Error::clone)
    }

    /// Checks that the component is a login component before any of its code runs.
    fn new(engine: Engine, component: &Component) -> Result<Self, Error> {
        let login = admission::admit(&engine, component)?;
        Ok(Self { engine, login })
    }

    /// Loads another component than the embedded one, from machine code.
    ///
    /// # Errors
    ///
    /// Returns `sandbox-fault` if it is not a login component.
    ///
    /// # Safety
    ///
    /// `compiled` must come, unchanged, from an engine with the settings of this one.
    pub unsafe fn from_machine_code(compiled: &[u8]) -> Result<Self, Error> {
        // SAFETY: as the caller promises.
        let (engine, component) = unsafe { machine_code::from_copy(compiled) }.map_err(fault)?;
        Self::new(engine, &component)
    }

    /// Creates an instance, which shares nothing with any other.
    ///
    /// # Errors
    ///
    /// Returns `sandbox-fault` if the component cannot be instantiated.
    pub fn instantiate(&self) -> Result<Instance, Error> {
        let mut store = self.store()?;
        let login = self.login.instantiate(&mut store).map_err(fault)?;
        Ok(Instance { store, login, recorder: None })
    }

    /// Creates an engine store with the sandbox's limits.
    fn store(&self) -> Result<Store<StoreLimits>, Error> {
        let limits = StoreLimitsBuilder::new()
            .memory_size(MEMORY_BYTES)
            .instances(8)
            .memories(1)
            .tables(4)
            .table_elements(TABLE_ELEMENTS)
            .build();
        let mut store = Store::new(&self.engine, limits);
        store.limiter(|limits| limits);
        store.set_hostcall_fuel(BYTES_PER_CALL);
        store.set_max_component_handles(SESSIONS);
        store.set_fuel(FUEL_PER_CALL).map_err(fault)?;
        Ok(store)
    }
}

/// One instance of the component, with the sessions opened in it.
///
/// # Errors
///
/// Its methods return the component's failure, or `sandbox-fault` if the component goes
/// beyond its limits or traps.
pub struct Instance {
    store: Store<StoreLimits>,
    login: Login,
    recorder: Option<Recorder>,
}

/// A session in an [`Instance`].
pub struct Session(ResourceAny);

impl Instance {
    /// Records what passes from now on.
    pub fn record(&mut self, recorder: Recorder) {
        self.recorder = Some(recorder);
    }

    /// Calls the contract's `account-key`.
    ///
    /// # Errors
    ///
    /// See [`Instance`].
    pub fn account_key(&mut self, client: &Client) -> Result<String, Error> {
        self.refuel()?;
        let flow = self.login.latchstring_login_flow();
        flow.call_account_key(&mut self.store, client).map_err(fault)
    }

    /// Calls the contract's `choose-flow`.
    ///
    /// # Errors
    ///
    /// See [`Instance`].
    pub fn choose_flow(&mut self, facts: Facts) -> Result<FlowChoice, Error> {
        self.refuel()?;
        let flow = self.login.latchstring_login_flow();
        flow.call_choose_flow(&mut self.store, facts).map_err(fault)
    }

    /// Calls the contract's `proof-input`.
    ///
    /// # Errors
    ///
    /// See [`Instance`].
    pub fn proof_input(
        &mut self,
        key: &DpopKey,
        request: &ProvenRequest,
        context: &Context,
    ) -> Result<String, Error> {
        self.refuel()?;
        let flow = self.login.latchstring_login_flow();
        let input = flow.call_proof_input(&mut self.store, key, request, context).map_err(fault)?;
        input.map_err(Error::from)
    }

    /// Calls the contract's `describe`.
    ///
    /// # Errors
    ///
    /// See [`Instance`].
    pub fn describe(&mut self, stored: &[u8], now_ms: u64) -> Result<Description, Error> {
        self.refuel()?;
        let flow = self.login.latchstring_login_flow();
        let description = flow.call_describe(&mut self.store, stored, now_ms).map_err(fault)?;
        description.map_err(Error::from)
    }

    /// Calls the contract's `session.login`.
    ///
    /// # Errors
    ///
    /// See [`Instance`].
    pub fn login(
        &mut self,
        client: &Client,
        stored: Option<&[u8]>,
        request: &LoginRequest,
        context: &Context,
    ) -> Result<Session, Error> {
        self.refuel()?;
        let session = self.login.latchstring_login_flow().session();
        let opened = session.call_login(&mut self.store, client, stored, request, context);
        self.opened("login", &(client, stored, request, context), opened)
    }

    /// Calls the contract's `session.token`.
    ///
    /// # Errors
    ///
    /// See [`Instance`].
    pub fn token(
        &mut self,
        client: &Client,
        stored: Option<&[u8]>,
        demand: &Demand,
        context: &Context,
    ) -> Result<Session, Error> {
        self.refuel()?;
        let session = self.login.latchstring_login_flow().session();
        let opened = session.call_token(&mut self.store, client, stored, demand, context);
        self.opened("token", &(client, stored, demand, context), opened)
    }

    /// Calls the contract's `session.logout`.
    ///
    /// # Errors
    ///
    /// See [`Instance`].
    pub fn logout(
        &mut self,
        client: &Client,
        stored: Option<&[u8]>,
        unregister: bool,
        context: &Context,
    ) -> Result<Session, Error> {
        self.refuel()?;
        let session = self.login.latchstring_login_flow().session();
        let opened = session.call_logout(&mut self.store, client, stored, unregister, context);
        self.opened("logout", &(client, stored, unregister, context), opened)
    }

    /// Calls the contract's `session.adopt`.
    ///
    /// # Errors
    ///
    /// See [`Instance`].
    pub fn adopt(
        &mut self,
        client: &Client,
        tokens: &Tokens,
        context: &Context,
    ) -> Result<Session, Error> {
        self.refuel()?;
        let session = self.login.latchstring_login_flow().session();
        let opened = session.call_adopt(&mut self.store, client, tokens, context);
        self.opened("adopt", &(client, tokens, context), opened)
    }

    /// Calls the contract's `session.next`.
    ///
    /// # Errors
    ///
    /// See [`Instance`].
    pub fn next(&mut self, session: &Session, reply: &Reply, now_ms: u64) -> Result<Action, Error> {
        self.refuel()?;
        let methods = self.login.latchstring_login_flow().session();
        let answer = methods.call_next(&mut self.store, session.0, reply, now_ms).map_err(fault)?;
        if let Some(recorder) = &self.recorder {
            recorder.stepped(reply, now_ms, &answer);
        }
        answer.map_err(Error::from)
    }

    fn opened(
        &self,
        function: &'static str,
        parameters: &impl Serialize,
        opened: wasmtime::Result<Result<ResourceAny, Failure>>,
    ) -> Result<Session, Error> {
        let opened = opened.map_err(fault)?;
        if let Some(recorder) = &self.recorder {
            recorder.opened(function, parameters, opened.as_ref().err());
        }
        opened.map(Session).map_err(Error::from)
    }

    fn refuel(&mut self) -> Result<(), Error> {
        self.store.set_fuel(FUEL_PER_CALL).map_err(fault)
    }
}

impl latchstring_core::capability::component::Component for Instance {
    type Session = Session;

    fn next(&mut self, session: &Session, reply: &Reply, now_ms: u64) -> Result<Action, Error> {
        Self::next(self, session, reply, now_ms)
    }
}

/// Returns the error for a trap: what stopped the component, without a backtrace.
fn fault(error: wasmtime::Error) -> Error {
    let reason = match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => "it went past its time limit".to_owned(),
        Some(Trap::UnreachableCodeReached) => "it failed, or reached its memory limit".to_owned(),
        Some(Trap::StackOverflow) => "its calls were nested too deeply".to_owned(),
        Some(trap) => trap.to_string().trim_start_matches("wasm trap: ").to_owned(),
        None => in_words(&error),
    };
    Error::new(
        Code::SandboxFault,
        format!("the login component was stopped: {reason}"),
        "nothing is lost; try again; if this persists, report this bug, with the version of \
         this program",
    )
}

/// Describes errors for which the engine has only a message, no type.
fn in_words(error: &wasmtime::Error) -> String {
    let said = error.root_cause().to_string();
    if said.contains("fuel allocated for hostcalls") {
        "it passed more data than a host accepts".to_owned()
    } else if said.contains("handle limit exceeded") {
        "it kept more sessions open than a host permits".to_owned()
    } else {
        error.to_string()
    }
}

#[cfg(test)]
mod tests;
