//! Calls the component's functions by name with dynamically typed values, for code that
//! handles all types of the contract alike.

use wasmtime::component::types::ComponentFunc;
use wasmtime::component::{ComponentExportIndex, Func, Instance, ResourceAny, Type, Val};
use wasmtime::{Store, StoreLimits};

use super::{FUEL_PER_CALL, Sandbox, fault};
use latchstring_core::contract::INTERFACE;
use latchstring_core::error::Error;

const NEXT: &str = "[method]session.next";

/// An instance with the same limits as any other.
pub struct ByName {
    store: Store<StoreLimits>,
    instance: Instance,
    interface: ComponentExportIndex,
}

/// The answer of a function of the contract: its result, or its failure.
pub type Answer = Result<Option<Val>, Val>;

impl Sandbox {
    /// Creates an instance whose functions are called by name.
    pub fn by_name(&self) -> Result<ByName, Error> {
        let mut store = self.store()?;
        let instance = self.login.instance_pre().instantiate(&mut store).map_err(fault)?;
        let interface = instance.get_export_index(&mut store, None, INTERFACE).ok_or_else(lacks)?;
        Ok(ByName { store, instance, interface })
    }
}

impl ByName {
    /// Returns the parameters of `session.FUNCTION`, which opens a session, in order.
    pub fn parameters(&mut self, function: &str) -> Result<Vec<(String, Type)>, Error> {
        let ty = self.signature(&opening(function))?;
        Ok(ty.params().map(|(name, ty)| (name.to_owned(), ty)).collect())
    }

    /// Returns the types of a reply, an action and a failure.
    pub fn types_of_next(&mut self) -> Result<(Type, Type, Type), Error> {
        let ty = self.signature(NEXT)?;
        let reply = ty.params().nth(1).map(|(_, ty)| ty);
        let (action, failure) = match ty.results().next() {
            Some(Type::Result(result)) => (result.ok(), result.err()),
            _ => (None, None),
        };
        match (reply, action, failure) {
            (Some(reply), Some(action), Some(failure)) => Ok((reply, action, failure)),
            _ => Err(lacks()),
        }
    }

    /// Opens a session with `session.FUNCTION`. Returns the failure if it cannot begin.
    pub fn open(
        &mut self,
        function: &str,
        parameters: &[Val],
    ) -> Result<Result<ResourceAny, Val>, Error> {
        match self.call(&opening(function), parameters)? {
            Ok(Some(Val::Resource(session))) => Ok(Ok(session)),
            Ok(_) => Err(lacks()),
            Err(failure) => Ok(Err(failure)),
        }
    }

    /// Calls the contract's `session.next`.
    pub fn next(&mut self, session: ResourceAny, reply: Val, now_ms: u64) -> Result<Answer, Error> {
        self.call(NEXT, &[Val::Resource(session), reply, Val::U64(now_ms)])
    }

    fn call(&mut self, function: &str, parameters: &[Val]) -> Result<Answer, Error> {
        let function = self.function(function)?;
        self.store.set_fuel(FUEL_PER_CALL).map_err(fault)?;
        let mut results = [Val::Bool(false)];
        function.call(&mut self.store, parameters, &mut results).map_err(fault)?;
        match results {
            [Val::Result(Ok(result))] => Ok(Ok(result.map(|result| *result))),
            [Val::Result(Err(Some(failure)))] => Ok(Err(*failure)),
            _ => Err(lacks()),
        }
    }

    fn signature(&mut self, function: &str) -> Result<ComponentFunc, Error> {
        Ok(self.function(function)?.ty(&self.store))
    }

    fn function(&mut self, name: &str) -> Result<Func, Error> {
        let index = self.instance.get_export_index(&mut self.store, Some(&self.interface), name);
        index.and_then(|index| self.instance.get_func(&mut self.store, index)).ok_or_else(lacks)
    }
}

fn opening(function: &str) -> String {
    format!("[static]session.{function}")
}

fn lacks() -> Error {
    fault(wasmtime::Error::msg("it does not have the functions of the contract"))
}
