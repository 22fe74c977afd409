// The phases of a stream as sources: the built-in world under its shifts, the domains of a data
// folder, one domain under several shifts, or a single JSON-lines file; for models that read text only, a folder
// or file of questions.
// Thread contract: a pure function of its arguments and the files.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/scenes/shifts.hpp"
#include "kernels/scenes/source.hpp"

namespace freshet::scenes {

struct phase_options {
  int side = 48;                       ///< pixels of the square pictures
  double severity = default_severity;
  std::uint64_t seed = 1;
  bool pictures = true;                ///< false, for who reads text only: no image is opened
};

struct phase_source {
  std::string name;
  std::shared_ptr<const sample_source> source;
};

/// `from`: "scenes", a folder (its test splits), or a .jsonl file. Errors name what does not exist
/// and what does; without pictures there is no world, and of the shifts only "clean". A phase that comes again: in the
/// world with new scenes, of files with the same source.
result<std::vector<phase_source>> open_phase_sources(const std::string& from, const std::vector<std::string>& phases,
                                                     const phase_options& options);

}  // namespace freshet::scenes
