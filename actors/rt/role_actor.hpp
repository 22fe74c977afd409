// The one shell that makes any core an actor: parcels from the port go to the engine, what it
// wants to say goes to the port, heavy work runs a slice at a time with the mailbox in between.
// A core that throws ends its actor (logged); the supervisor starts a fresh one with a new life.
// Thread contract: spawn_role from any thread; the core is made, used and destroyed by its actor.
#pragma once

#include <memory>

#include "actors/protocols.hpp"
#include "actors/rt/core_factory.hpp"
#include "actors/rt/placement.hpp"
#include "actors/rt/role_engine.hpp"
#include "actors/rt/system.hpp"

namespace freshet::rt {

struct role_setup {
  engine_options engine;       ///< clock and log are filled in from the system when empty
  core_factory make_core;
  actors::port_handle port;
};

actors::role_handle spawn_role(system& home, role_setup setup, placement where);

/// A life that no earlier one had: drawn from the operating system, never zero.
epoch draw_life();

}  // namespace freshet::rt
