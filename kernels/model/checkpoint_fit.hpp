// Whether the tensors of a checkpoint are those that its config.json asks for. Nothing is read but headers.
// Thread contract: pure function.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "kernels/base/result.hpp"
#include "kernels/model/checkpoint.hpp"
#include "kernels/model/key_spelling.hpp"
#include "kernels/model/model_config.hpp"
#include "kernels/model/parameter_list.hpp"

namespace freshet::model {

struct checkpoint_fit {
  key_spelling spelling;
  parameter_list expected;            ///< all of which the file has, under spelling.in_file(name)
  std::set<std::string> quantised;    ///< of those, the matrices that the file has in 8 or 4 bits
  std::vector<std::string> carried;   ///< in the file, of the architecture, and not used here: in the file's names
};

/// The error lists every tensor that is missing, left over, of another shape or of a dtype that weights cannot
/// have, each with the file it is in and what would fit.
result<checkpoint_fit> fit_checkpoint(const model_config& config, const checkpoint& files);

}  // namespace freshet::model
