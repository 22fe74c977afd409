#include "kernels/model/peft_config.hpp"

#include "kernels/model/config_section.hpp"
#include "kernels/model/strict_json.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace freshet::model {
namespace {

using nlohmann::json;

constexpr std::size_t most_targets = 100'000;
constexpr std::size_t most_patterns = 1000;
constexpr std::size_t most_name_bytes = 512;
constexpr std::int64_t most_rank = 4096;
constexpr std::int64_t most_regex_bytes = 4096;

// What says nothing about the numbers.
const std::set<std::string>& silent_keys() {
  static const std::set<std::string> keys{"auto_mapping", "base_model_name_or_path", "inference_mode", "lora_dropout",
                                          "peft_type", "peft_version", "revision", "task_type",
                                          "megatron_core", "qalora_group_size", "runtime_config"};
  return keys;
}

/// null, false, "", [] and {}: a setting that is off.
bool is_off(const json& value) {
  if (value.is_null()) return true;
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_string()) return value.get_ref<const std::string&>().empty();
  return (value.is_array() || value.is_object()) && value.empty();
}

RE2::Options quiet() {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(8 << 20);
  return options;
}

/// A key of a pattern fits a name or its end after a ".".
std::string as_end(const std::string& key) { return "(?:.*\\.)?(?:" + key + ")"; }

class reader {
 public:
  explicit reader(const json& document) : document_(document), top_(document, "", problems_) {}

  result<peft_config> read(const std::string& origin) {
    const std::string type = top_.word("peft_type", "");
    if (type != "LORA") return refusal(origin, "peft_type", document_.value("peft_type", json()), "only \"LORA\" is built in");
    if (const std::string bias = top_.word("bias", "none"); bias != "none") {
      return refusal(origin, "bias", document_["bias"], "only \"none\" is built in");
    }
    const json init = document_.value("init_lora_weights", json(true));
    if (!init.is_boolean() && init != "gaussian") {
      return refusal(origin, "init_lora_weights", init, "changes the base model; only true, false and \"gaussian\" do not");
    }
    used_ = {"bias", "init_lora_weights", "r", "lora_alpha", "use_rslora", "target_modules", "exclude_modules",
             "rank_pattern", "alpha_pattern"};
    for (const auto& item : document_.items()) {
      if (used_.count(item.key()) != 0 || silent_keys().count(item.key()) != 0 || is_off(item.value())) continue;
      return refusal(origin, item.key(), item.value(), "is not built in: only LoRA's two matrices beside a layer are");
    }
    out_.rank = top_.integer("r", 8);
    problems_.within("r", out_.rank, 1, most_rank);
    out_.alpha = positive("lora_alpha", top_.real("lora_alpha", 8));
    out_.rank_stabilised = top_.flag("use_rslora", false);
    out_.targets = pattern("target_modules");
    if (out_.targets.empty()) problems_.missing("target_modules", "must name the layers that have matrices");
    out_.excluded = pattern("exclude_modules");
    read_patterns();
    out_.base_model = top_.word("base_model_name_or_path", "");
    out_.task_type = top_.word("task_type", "");
    FRESHET_TRY(problems_.as_result(origin));
    return out_;
  }

 private:
  static error refusal(const std::string& origin, const std::string& key, const json& value, const std::string& right) {
    return error{errc::unsupported, origin + ": " + key + " = " + shown(value) + ": " + right};
  }

  double positive(const std::string& key, double value) {
    problems_.within(key, value, 1e-6, 1e6);
    return value;
  }

  bool good_regex(const std::string& key, const std::string& text) {
    if (text.size() > static_cast<std::size_t>(most_regex_bytes)) {
      problems_.add(key, std::to_string(text.size()) + " bytes", "an expression has at most 4096");
      return false;
    }
    const RE2 compiled(text, quiet());
    if (!compiled.ok()) problems_.add(key, in_quotes(text), "is no regular expression of RE2's syntax: " + compiled.error());
    return compiled.ok();
  }

  module_pattern pattern(const char* key) {
    module_pattern out;
    const json* value = top_.find(key);
    if (value == nullptr) return out;
    if (value->is_string()) {
      const auto& text = value->get_ref<const std::string&>();
      if (text == "all-linear") {
        problems_.add(key, "\"all-linear\"", "PEFT writes the names out when it saves; name them");
      } else if (good_regex(key, text)) {
        out.regex = text;
      }
      return out;
    }
    if (!value->is_array() || value->size() > most_targets) {
      top_.problem(key, *value, "must be a list of names or a regular expression");
      return out;
    }
    for (const json& item : *value) {
      if (!item.is_string() || item.get_ref<const std::string&>().empty() ||
          item.get_ref<const std::string&>().size() > most_name_bytes) {
        top_.problem(key, item, "must be a layer's name");
        continue;
      }
      out.names.push_back(item.get<std::string>());
    }
    std::sort(out.names.begin(), out.names.end());
    return out;
  }

  void read_patterns() {
    for (const char* key : {"rank_pattern", "alpha_pattern"}) {
      const json* value = top_.find(key);
      if (value == nullptr) continue;
      if (!value->is_object() || value->size() > most_patterns) {
        top_.problem(key, *value, "must be an object of at most 1000 patterns with numbers");
        continue;
      }
      const bool ranks = std::string(key) == "rank_pattern";
      for (const auto& item : value->items()) {
        const std::string path = std::string(key) + "." + in_quotes(item.key());
        if (!good_regex(path, item.key())) continue;
        if (ranks ? !item.value().is_number_integer() : !item.value().is_number()) {
          problems_.add(path, shown(item.value()), "must be a number");
        } else if (ranks) {
          const auto rank = item.value().get<std::int64_t>();
          problems_.within(path, rank, 1, most_rank);
          out_.rank_pattern.emplace(item.key(), rank);
        } else {
          out_.alpha_pattern.emplace(item.key(), positive(path, item.value().get<double>()));
        }
      }
    }
  }

  const json& document_;
  problem_list problems_;
  section top_;
  peft_config out_;
  std::set<std::string> used_;
};

template <class T>
result<T> chosen(const std::map<std::string, T>& patterns, const char* key, const std::string& module, T otherwise) {
  std::optional<T> found;
  for (const auto& [pattern, value] : patterns) {
    if (!RE2::FullMatch(module, RE2(as_end(pattern), quiet()))) continue;
    if (found && *found != value) {
      return error{errc::config, std::string(key) + ": several patterns fit " + in_quotes(module) + " and differ"};
    }
    found = value;
  }
  return found.value_or(otherwise);
}

double scale_for(double alpha, std::int64_t rank, bool stabilised) {
  const auto r = static_cast<double>(rank);
  return alpha / (stabilised ? std::sqrt(r) : r);
}

}  // namespace

bool module_pattern::fits(const std::string& module) const {
  if (regex) return RE2::FullMatch(module, RE2(*regex, quiet()));
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    if (module.size() < name.size() || module.compare(module.size() - name.size(), name.size(), name) != 0) return false;
    return module.size() == name.size() || module[module.size() - name.size() - 1] == '.';
  });
}

result<std::int64_t> peft_config::rank_of(const std::string& module) const {
  return chosen(rank_pattern, "rank_pattern", module, rank);
}

result<double> peft_config::scale_of(const std::string& module) const {
  FRESHET_TRY_ASSIGN(const std::int64_t r, rank_of(module));
  FRESHET_TRY_ASSIGN(const double a, chosen(alpha_pattern, "alpha_pattern", module, alpha));
  return scale_for(a, r, rank_stabilised);
}

double peft_config::scale() const { return scale_for(alpha, rank, rank_stabilised); }

result<peft_config> parse_peft_config(std::string_view text, const std::string& origin) {
  FRESHET_TRY_ASSIGN(const json document, parse_json(text, origin));
  if (!document.is_object()) return error{errc::corrupt, origin + ": must be a JSON object"};
  return reader(document).read(origin);
}

std::string peft_config_text(const peft_config& config) {
  const auto pattern = [](const module_pattern& p) -> json {
    if (p.regex) return *p.regex;
    return p.names.empty() ? json() : json(p.names);
  };
  json out{{"peft_type", "LORA"},
           {"task_type", config.task_type.empty() ? json() : json(config.task_type)},
           {"base_model_name_or_path", config.base_model},
           {"revision", nullptr},
           {"auto_mapping", nullptr},
           {"inference_mode", true},
           {"r", config.rank},
           {"lora_dropout", 0.0},
           {"fan_in_fan_out", false},
           {"bias", "none"},
           {"use_rslora", config.rank_stabilised},
           {"use_dora", false},
           {"init_lora_weights", true},
           {"modules_to_save", nullptr},
           {"layers_to_transform", nullptr},
           {"layers_pattern", nullptr},
           {"rank_pattern", config.rank_pattern},
           {"alpha_pattern", config.alpha_pattern},
           {"target_modules", pattern(config.targets)},
           {"exclude_modules", pattern(config.excluded)}};
  // PEFT's own files have a whole number where it is one.
  const bool whole = config.alpha == std::floor(config.alpha) && std::abs(config.alpha) < 1e9;
  out["lora_alpha"] = whole ? json(static_cast<std::int64_t>(config.alpha)) : json(config.alpha);
  return out.dump(2) + "\n";
}

}  // namespace freshet::model
