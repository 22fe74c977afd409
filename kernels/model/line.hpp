// The line that student versions belong to: base weights, trainable set and adapter. Cloud and
// devices derive it alone; only versions of one line may be applied to each other.
// Pure function; reads the model on its owner's thread.
#pragma once

#include <string>

#include "kernels/base/ids.hpp"
#include "kernels/model/lora.hpp"
#include "kernels/model/multimodal.hpp"
#include "kernels/model/trainable_set.hpp"

namespace freshet::model {

/// xxh3-64 over the base hash, the trainable set's signature and the adapter's specification. Ask
/// for it right after attach(spec): the norms and biases that training changes are part of the base.
/// `frame_text` is that of the tokenizer (tokenizer.hpp): students that are asked differently learn different things.
[[nodiscard]] content_hash line_of(const multimodal& base, const lora_spec& spec, const std::string& frame_text = {});
/// The same of what it is made of: multimodal::base_hash, and the trainable set with its adapters.
[[nodiscard]] content_hash line_of(std::uint64_t base_hash, const trainable_set& trained, const lora_spec& spec,
                                   const std::string& frame_text = {});

}  // namespace freshet::model
