// The checks behind parse_model_config and check_model_config: ranges of single values, then the
// relations between them. Internal to kernels/model.
// Thread contract: free functions without state.
#pragma once

#include "kernels/model/config_section.hpp"
#include "kernels/model/model_config.hpp"

namespace freshet::model {

/// Sections in which every value could be read. Where one could not, it stands at its default, and
/// relations to it would be blamed on the wrong key: they are not judged.
struct readable_sections {
  bool text = true;
  bool vision = true;
  bool projector = true;
};

void check_model_config(const model_config& config, readable_sections readable, problem_list& problems);

}  // namespace freshet::model
