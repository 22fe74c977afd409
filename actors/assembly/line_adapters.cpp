#include "actors/assembly/line_adapters.hpp"

namespace freshet::actors {

model::lora_spec adapters_of(const config::distiller_settings& distiller) {
  model::lora_spec spec;
  spec.rank = distiller.lora_rank;
  spec.alpha = distiller.lora_alpha;
  spec.targets = distiller.lora_targets;
  spec.seed = distiller.seed;
  spec.train_vision = distiller.train_vision;
  return spec;
}

}  // namespace freshet::actors
