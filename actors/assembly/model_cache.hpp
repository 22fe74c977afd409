// Model folders that several roles of a process share, loaded once.
// Thread contract: guarded by its own lock; what it returns is only read.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "kernels/base/ids.hpp"
#include "kernels/base/result.hpp"
#include "kernels/delta/layout.hpp"
#include "kernels/model/lora.hpp"
#include "kernels/model/multimodal.hpp"
#include "kernels/model/tokenizer.hpp"

namespace freshet::actors {

struct loaded_model {
  std::shared_ptr<const model::multimodal> net;
  std::shared_ptr<const model::tokenizer> words;
};

/// A student with its adapter attached: a copy for whoever trains it, and what all must agree on.
struct student_line {
  loaded_model base;          ///< with the adapter, at version 0
  content_hash line;
  content_hash encoder;       ///< of its vision tower, where that is frozen; else 0
  delta::layout parts;
};

class model_cache {
 public:
  /// `chat_template`: a name, or "auto" for the folder's own.
  result<loaded_model> load(const std::string& folder, const std::string& chat_template);
  result<student_line> student(const std::string& folder, const std::string& chat_template, const model::lora_spec& lora);

 private:
  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, loaded_model> models_;   ///< by folder and template
};

}  // namespace freshet::actors
