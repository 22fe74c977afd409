// What the tensors of one checkpoint are called: the program has one name for each parameter, files
// differ by architecture and by the version of the library that wrote them (part_spelling).
// Thread contract: plain values.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/model/model_config.hpp"

namespace freshet::model {

class checkpoint;

class key_spelling {
 public:
  /// That of new files.
  static key_spelling standard(const model_config& config);
  /// Of each part the spelling under which most of its tensors are in `files`.
  static key_spelling of(const model_config& config, const checkpoint& files);

  /// "language_model.model.norm.weight" → "model.norm.weight". The name itself where no part has it.
  [[nodiscard]] std::string in_file(std::string_view name) const;
  /// The way back; empty where no part's spelling begins so.
  [[nodiscard]] std::string in_program(std::string_view name_in_file) const;

 private:
  /// Longest first in the program, so that a part within a part wins.
  std::vector<std::pair<std::string, std::string>> parts_;
};

}  // namespace freshet::model
