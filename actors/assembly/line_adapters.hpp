// The adapters of a line as the distiller's settings name them.
// Pure functions.
#pragma once

#include "config/schema/distiller.hpp"
#include "kernels/model/lora.hpp"

namespace freshet::actors {

/// What the distiller trains beside norms and biases.
model::lora_spec adapters_of(const config::distiller_settings& distiller);

}  // namespace freshet::actors
