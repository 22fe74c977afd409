// Makes a fresh core: called at the start of a role and again for every restart, in its actor.
#pragma once

#include <functional>
#include <memory>

#include "actors/role.hpp"

namespace freshet::rt {

using core_factory = std::function<std::unique_ptr<actors::role_core>()>;

}  // namespace freshet::rt
