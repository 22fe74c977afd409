// adapter_config.json of PEFT (0.17) for plain LoRA: what of it counts here, and everything else refused by name.
//
// Module patterns: `target_modules` and `exclude_modules` are a list, of which an entry fits a module of that name
// or one that ends in "." and it, or a regular expression that fits a whole name; the keys of rank_pattern and
// alpha_pattern fit a name or its end after a ".". Expressions are RE2's, matched in linear time: of Python's syntax
// all but look-around, back references and possessive repetition, which are refused.
// Thread contract: plain values.
#pragma once

#include "kernels/base/result.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace freshet::model {

/// Either a list of names or one regular expression; neither for none.
struct module_pattern {
  std::vector<std::string> names;
  std::optional<std::string> regex;

  [[nodiscard]] bool empty() const { return names.empty() && !regex; }
  /// The expression must have been taken by parse_peft_config.
  [[nodiscard]] bool fits(const std::string& module) const;
};

struct peft_config {
  std::int64_t rank = 8;
  double alpha = 8;
  bool rank_stabilised = false;  ///< the update is scaled by alpha / sqrt(rank) (arXiv 2312.03732), else alpha / rank
  module_pattern targets;
  module_pattern excluded;
  std::map<std::string, std::int64_t> rank_pattern;
  std::map<std::string, double> alpha_pattern;
  std::string base_model;  ///< base_model_name_or_path, for people
  std::string task_type = "CAUSAL_LM";

  [[nodiscard]] bool targets_module(const std::string& module) const {
    return targets.fits(module) && !excluded.fits(module);
  }
  /// errc::config when several patterns fit one module and differ.
  [[nodiscard]] result<std::int64_t> rank_of(const std::string& module) const;
  [[nodiscard]] result<double> scale_of(const std::string& module) const;
  /// Of modules that no pattern fits.
  [[nodiscard]] double scale() const;
};

/// `origin` stands first. errc::unsupported for DoRA, modules_to_save, bias other than none and the rest that is not
/// LoRA alone; errc::config with all problems of what is.
result<peft_config> parse_peft_config(std::string_view text, const std::string& origin);
/// What PEFT reads again.
[[nodiscard]] std::string peft_config_text(const peft_config& config);

}  // namespace freshet::model
