// The line that student versions belong to: base weights, trainable set and adapter. Cloud and
// devices derive it alone; only versions of one line may be applied to each other.
// Pure function; reads the model on its owner's thread.
#pragma once

#include "kernels/base/ids.hpp"
#include "kernels/model/llava.hpp"
#include "kernels/model/lora.hpp"
#include "kernels/model/trainable_set.hpp"

namespace freshet::model {

/// xxh3-64 over the base hash, the trainable set's signature and the adapter's specification. Ask
/// for it right after attach(spec): the norms and biases that training changes are part of the base.
[[nodiscard]] content_hash line_of(const llava& base, const lora_spec& spec);
/// The same of what it is made of: llava::base_hash, and the trainable set with its adapters.
[[nodiscard]] content_hash line_of(std::uint64_t base_hash, const trainable_set& trained, const lora_spec& spec);

}  // namespace freshet::model
