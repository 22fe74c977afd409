#include "kernels/model/key_spelling.hpp"

#include <algorithm>

#include "kernels/model/architecture.hpp"
#include "kernels/model/checkpoint.hpp"
#include "kernels/model/parameter_list.hpp"

namespace freshet::model {
namespace {

bool starts_as(std::string_view text, std::string_view with) { return text.substr(0, with.size()) == with; }

std::string exchanged(std::string_view name, std::string_view from, std::string_view to) {
  std::string out(to);
  out += name.substr(from.size());
  return out;
}

/// The part that a name belongs to: the longest that it begins with.
const part_spelling* part_of(const std::vector<part_spelling>& parts, std::string_view name) {
  const part_spelling* best = nullptr;
  for (const part_spelling& p : parts) {
    if (starts_as(name, p.part) && (best == nullptr || p.part.size() > best->part.size())) best = &p;
  }
  return best;
}

}  // namespace

key_spelling key_spelling::standard(const model_config& config) {
  key_spelling out;
  for (const part_spelling& p : architecture_of(config).spellings) {
    out.parts_.emplace_back(p.part, p.in_files.front());
  }
  std::stable_sort(out.parts_.begin(), out.parts_.end(),
                   [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
  return out;
}

key_spelling key_spelling::of(const model_config& config, const checkpoint& files) {
  key_spelling out = standard(config);
  const auto& parts = architecture_of(config).spellings;
  parameter_list expected = expected_parameters(config);
  // A head that is tied may be in the file all the same.
  if (config.text.tie_word_embeddings) list_tensor(expected, std::string(head_part) + "weight", {});
  for (auto& [part, chosen] : out.parts_) {
    const auto at = std::find_if(parts.begin(), parts.end(), [&, of = &part](const auto& p) { return p.part == *of; });
    std::size_t most = 0;
    for (const std::string_view candidate : at->in_files) {
      std::size_t found = 0;
      for (const auto& item : expected) {
        if (part_of(parts, item.first) == &*at && files.contains(exchanged(item.first, part, candidate))) ++found;
      }
      if (found > most) {
        most = found;
        chosen = candidate;
      }
    }
  }
  return out;
}

std::string key_spelling::in_file(std::string_view name) const {
  for (const auto& [part, spelled] : parts_) {
    if (starts_as(name, part)) return exchanged(name, part, spelled);
  }
  return std::string(name);
}

std::string key_spelling::in_program(std::string_view name_in_file) const {
  const std::pair<std::string, std::string>* best = nullptr;
  for (const auto& p : parts_) {
    if (starts_as(name_in_file, p.second) && (best == nullptr || p.second.size() > best->second.size())) best = &p;
  }
  return best == nullptr ? std::string() : exchanged(name_in_file, best->second, best->first);
}

}  // namespace freshet::model
