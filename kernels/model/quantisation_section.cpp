#include "kernels/model/quantisation_section.hpp"

namespace freshet::model {
namespace {

constexpr const char* key = "quantization_config";
constexpr const char* quant_method = "freshet";
constexpr std::int64_t layout_version = 1;

}  // namespace

std::optional<quantisation_config> read_quantisation(const section& top) {
  if (!top.has(key)) return std::nullopt;
  const section in = top.inner(key);
  const std::string found = in.word("quant_method", "");
  if (found != quant_method) {
    in.problem("quant_method", found, "must be freshet: other layouts are not read; start from the model in float");
    return std::nullopt;
  }
  const std::int64_t version = in.integer("version", layout_version);
  if (version != layout_version) in.problem("version", version, "must be 1: a newer program made this");
  const std::int64_t bits = in.integer("bits", 0);
  const std::int64_t group = in.integer("group_size", -1);
  if (bits != 8 && bits != 4) {
    in.problem("bits", bits, "must be 8 or 4");
  } else if (bits == 8 && group != -1) {
    in.problem("group_size", group, "must be -1 with 8 bits: one scale a row");
  } else if (bits == 4 && group != 32 && group != 64 && group != 128) {
    in.problem("group_size", group, "must be 32, 64 or 128 with 4 bits");
  }
  return quantisation_config{static_cast<int>(bits), group};
}

void put_quantisation(nlohmann::json& root, const std::optional<quantisation_config>& q) {
  if (!q) {
    root.erase(key);
    return;
  }
  root[key] = {{"quant_method", quant_method}, {"bits", q->bits}, {"group_size", q->group_size}, {"version", layout_version}};
}

}  // namespace freshet::model
