// What labels say of the versions that devices answer with: how often the devices' own answers on random
// probes are the teacher's. Pure function.
#pragma once

#include "kernels/model/tokenizer.hpp"
#include "topology/message/samples.hpp"
#include "topology/message/updates.hpp"

namespace freshet::actors {

/// Counts the probes of a batch by version and domain. A teacher that is less sure than `confidence_floor` has
/// no opinion. Answers are compared as `words` spells them.
[[nodiscard]] topology::probe_outcomes tally_probes(const topology::labelled_batch& batch,
                                                    const model::tokenizer& words, double confidence_floor);

}  // namespace freshet::actors
