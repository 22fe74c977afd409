#include "kernels/model/checkpoint_fit.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

#include "kernels/model/architecture.hpp"
#include "kernels/model/quantised_checkpoint.hpp"
#include "kernels/model/strict_json.hpp"

namespace freshet::model {
namespace {

std::string text_of(const std::vector<std::int64_t>& shape) {
  std::string out = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) out += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return out + "]";
}

bool ends_with(std::string_view text, std::string_view with) {
  return text.size() >= with.size() && text.substr(text.size() - with.size()) == with;
}

bool begins(std::string_view text, std::string_view with) { return text.substr(0, with.size()) == with; }

/// What old versions wrote although it follows from the configuration.
bool is_derived(std::string_view name) {
  return ends_with(name, ".position_ids") || ends_with(name, "rotary_emb.inv_freq");
}

/// Parts of an architecture that take no part in what is computed here.
bool is_unused(const model_config& config, std::string_view name) {
  if (config.text.tie_word_embeddings && begins(name, head_part)) return true;
  if (!config.vision || config.vision->kind == vision_kind::idefics3) return false;
  // CLIP's and SigLIP's pooled output and the norm before it.
  return begins(name, std::string(vision_model_part) + "post_layernorm.") ||
         begins(name, std::string(vision_model_part) + "head.");
}

/// How much of two names agrees, from both ends; names of layers differ in the middle or at one end.
std::size_t likeness(std::string_view a, std::string_view b) {
  const std::size_t most = std::min(a.size(), b.size());
  std::size_t front = 0;
  while (front < most && a[front] == b[front]) ++front;
  std::size_t back = 0;
  while (back < most - front && a[a.size() - 1 - back] == b[b.size() - 1 - back]) ++back;
  return front + back;
}

class fitting {
 public:
  fitting(const model_config& config, const checkpoint& files)
      : config_(config), files_(files), fit_{key_spelling::of(config, files), expected_parameters(config), {}, {}} {}

  result<checkpoint_fit> run() {
    std::vector<std::size_t> missing;
    for (std::size_t i = 0; i < fit_.expected.size(); ++i) {
      const std::string name = fit_.spelling.in_file(fit_.expected[i].first);
      const tensor_entry* entry = files_.find(name);
      known_.insert(name);
      if (entry == nullptr && is_quantisable(fit_.expected[i].first, fit_.expected[i].second) &&
          is_quantised_in(files_, fit_.spelling, fit_.expected[i].first)) {
        take_quantised_names(fit_.expected[i].first);
      } else if (entry == nullptr) {
        missing.push_back(i);
      } else {
        check(*entry, fit_.expected[i].second);
      }
    }
    for (const std::string& name : files_.names()) {
      if (known_.count(name) != 0 || is_derived(name)) continue;
      if (is_unused(config_, fit_.spelling.in_program(name))) {
        fit_.carried.push_back(name);
      } else {
        left_over_.push_back(name);
      }
    }
    if (!fit_.quantised.empty() && !config_.quantisation) {
      add(files_.origin(), "quantised: " + std::to_string(fit_.quantised.size()) + " matrices are in 8 or 4 bits (" +
                               in_quotes(quantised_names(fit_.spelling, *fit_.quantised.begin())[0]) +
                               ", ...), and config.json has no quantization_config");
    }
    for (const std::size_t i : missing) report_missing(fit_.expected[i].second, fit_.spelling.in_file(fit_.expected[i].first));
    for (const std::string& name : left_over_) {
      add(files_.file_of(name), "left over: " + in_quotes(name) + " " + text_of(files_.find(name)->shape) +
                                    ": " + std::string(architecture_of(config_).class_name) + " has no such tensor");
    }
    if (problems_.empty()) return std::move(fit_);
    std::string text = files_.origin() + ": " + std::to_string(problems_.size()) +
                       (problems_.size() == 1 ? " tensor does" : " tensors do") + " not fit config.json (" +
                       std::to_string(fitting_) + " of " + std::to_string(fit_.expected.size()) + " fit):";
    for (const std::string& line : problems_) text += "\n  " + line;
    return error{errc::corrupt, std::move(text)};
  }

 private:
  /// What is in them is looked at when they are taken.
  void take_quantised_names(const std::string& parameter) {
    bool whole = true;
    for (const std::string& name : quantised_names(fit_.spelling, parameter)) {
      known_.insert(name);
      if (files_.find(name) != nullptr) continue;
      add(files_.origin(), "missing: " + in_quotes(name) + ", which belongs to a matrix in 8 or 4 bits");
      whole = false;
    }
    fit_.quantised.insert(parameter);
    if (whole) ++fitting_;
  }

  void add(const std::string& file, const std::string& what) {
    const bool shard = files_.files() > 1 && file != files_.origin();
    problems_.push_back((shard ? std::filesystem::path(file).filename().string() + ": " : "") + what);
  }

  void check(const tensor_entry& entry, const std::vector<std::int64_t>& shape) {
    const std::string who = in_quotes(entry.name);
    if (entry.shape != shape) {
      add(files_.file_of(entry.name),
          "wrong shape: " + who + " is " + text_of(entry.shape) + ", config.json asks for " + text_of(shape));
    } else if (entry.type != dtype::f32 && entry.type != dtype::f16 && entry.type != dtype::bf16) {
      add(files_.file_of(entry.name), "wrong dtype: " + who + " is " + entry.dtype_name + ", weights are F32, F16 or BF16");
    } else {
      ++fitting_;
    }
  }

  void report_missing(const std::vector<std::int64_t>& shape, const std::string& name) {
    std::string text = "missing: " + in_quotes(name) + " " + text_of(shape);
    if (begins(fit_.spelling.in_program(name), head_part)) {
      text += "; where the head is the embedding, tie_word_embeddings must be true";
    } else if (const std::string* nearest = nearest_left_over(name, shape)) {
      text += "; nearest is " + in_quotes(*nearest) + " " + text_of(files_.find(*nearest)->shape);
    }
    add(files_.origin(), text);
  }

  /// Of what is left over, of the same shape where there is any; nothing that shares less than half of the name.
  [[nodiscard]] const std::string* nearest_left_over(const std::string& name, const std::vector<std::int64_t>& shape) const {
    const std::string* best = nullptr;
    std::size_t best_score = 0;
    for (const std::string& other : left_over_) {
      std::size_t score = likeness(name, other);
      if (2 * score < name.size()) continue;
      if (files_.find(other)->shape == shape) score += name.size();
      if (score > best_score) {
        best = &other;
        best_score = score;
      }
    }
    return best;
  }

  const model_config& config_;
  const checkpoint& files_;
  checkpoint_fit fit_;
  std::set<std::string> known_;
  std::vector<std::string> left_over_;
  std::vector<std::string> problems_;
  std::size_t fitting_ = 0;
};

}  // namespace

result<checkpoint_fit> fit_checkpoint(const model_config& config, const checkpoint& files) {
  return fitting(config, files).run();
}

}  // namespace freshet::model
