#include "kernels/model/inspection.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "kernels/model/architecture.hpp"
#include "kernels/model/base_hash.hpp"
#include "kernels/model/encoder_hash.hpp"
#include "kernels/model/line.hpp"
#include "kernels/model/quantised_checkpoint.hpp"
#include "kernels/model/quantised_weight.hpp"
#include "kernels/model/templated_tokenizer.hpp"
#include "kernels/model/tensor_bridge.hpp"
#include "kernels/model/trainable_set.hpp"
#include "kernels/quant/packed_weight.hpp"

namespace freshet::model {
namespace {

constexpr std::int64_t group_of_4_bits = 32;

bool begins(std::string_view text, std::string_view with) { return text.substr(0, with.size()) == with; }

std::int64_t items(const std::vector<std::int64_t>& shape) {
  std::int64_t n = 1;
  for (const std::int64_t d : shape) n *= d;
  return n;
}

std::string_view part_name(std::string_view name) {
  if (begins(name, head_part)) return "head";
  if (begins(name, connector_part)) return "connector";
  if (begins(name, tower_part)) return "vision tower";
  return name.find("embed_tokens") != std::string_view::npos ? "embedding" : "decoder";
}

/// As `models quantize` would store it, or as f32 where that layout does not take it.
std::uint64_t packed_bytes(const std::vector<std::int64_t>& shape, int bits, std::int64_t group) {
  const quantisation_config format = format_of_rows(shape[1], {bits, group});
  const auto packed = quant::make_packed_shape(shape[0], shape[1], format.bits, format.group_size, "");
  if (!packed.ok()) return 4 * static_cast<std::uint64_t>(items(shape));
  const auto levels = static_cast<std::uint64_t>(packed->panels() * packed->panel_bytes());
  return levels + static_cast<std::uint64_t>(items(packed->scale_dims())) * item_bytes(packed->scale_type());
}

weight_memory memory_of(const parameter_list& all) {
  weight_memory out;
  for (const auto& [name, shape] : all) {
    const auto n = static_cast<std::uint64_t>(items(shape));
    out.f32 += 4 * n;
    out.bf16 += 2 * n;
    const bool few_bits = is_quantisable(name, shape);
    const std::uint64_t bits8 = few_bits ? packed_bytes(shape, 8, quant::whole_row) : 4 * n;
    out.bits8 += bits8;
    out.bits4 += few_bits && !is_words(name.substr(0, name.rfind('.'))) ? packed_bytes(shape, 4, group_of_4_bits) : bits8;
  }
  return out;
}

/// Tensors of the right names and shapes that take no memory, and real adapters beside them.
result<std::pair<parameters, std::int64_t>> outline(const parameter_list& all, const lora_spec& adapters) {
  parameters out;
  for (const auto& [name, shape] : all) out.set(name, at::zeros({1}).expand(shape));
  const auto added = add_lora(out, adapters);
  if (!added.ok() && added.err().code != errc::not_found) return added.err();
  return std::pair{std::move(out), added.ok() ? *added : 0};
}

}  // namespace

result<inspection> inspect_model(const std::filesystem::path& folder, const lora_spec& adapters) {
  inspection out;
  FRESHET_TRY_ASSIGN(out.config, load_model_config(folder));
  FRESHET_TRY_ASSIGN(const checkpoint files, checkpoint::open(folder));
  FRESHET_TRY_ASSIGN(const checkpoint_fit fit, fit_checkpoint(out.config, files));
  out.class_name = architecture_of(out.config).class_name;
  out.files = files.files();
  for (const std::string& name : files.names()) {
    const tensor_entry& entry = *files.find(name);
    out.file_bytes += entry.end - entry.begin;
    if (std::find(out.dtypes.begin(), out.dtypes.end(), entry.dtype_name) == out.dtypes.end()) {
      out.dtypes.push_back(entry.dtype_name);
    }
  }
  out.unused_tensors = files.names().size() - fit.expected.size() - fit.quantised.size();   // those are two tensors each
  for (const auto& [name, shape] : fit.expected) {
    const std::string_view part = part_name(name);
    auto at = std::find_if(out.parts.begin(), out.parts.end(), [&](const model_part& p) { return p.name == part; });
    if (at == out.parts.end()) at = out.parts.insert(at, model_part{part, 0, 0});
    at->values += items(shape);
    ++at->tensors;
    out.values += items(shape);
  }
  out.memory = memory_of(fit.expected);
  FRESHET_TRY_ASSIGN(const auto shapes, outline(fit.expected, adapters));
  const trainable_set trained = trainable_set::of(shapes.first);
  out.trainable = {static_cast<std::int64_t>(trained.size()), static_cast<std::int64_t>(trained.tensors().size()),
                   shapes.second};
  return out;
}

namespace {

/// Calls `each` with name, shape and f32 values of the base tensors that `wanted` picks by parameter, in the order of
/// expected_parameters; a quantised matrix is two.
template <class Wanted, class Each>
result<void> read_base(const model_config& config, const checkpoint& files, const Wanted& wanted, const Each& each) {
  FRESHET_TRY_ASSIGN(const checkpoint_fit fit, fit_checkpoint(config, files));
  for (const auto& [name, shape] : fit.expected) {
    if (!wanted(name)) continue;
    if (fit.quantised.count(name) != 0) {
      const std::string layer = name.substr(0, name.rfind('.'));
      const auto names = quantised_names(fit.spelling, name);
      FRESHET_TRY_ASSIGN(const host_tensor levels, files.get(names[0]));
      FRESHET_TRY_ASSIGN(const host_tensor scales, files.get(names[1]));
      each(layer + levels_suffix, levels.shape(), levels);
      each(layer + scales_suffix, scales.shape(), scales);
      continue;
    }
    FRESHET_TRY_ASSIGN(const host_tensor stored, files.get(fit.spelling.in_file(name)));
    each(name, shape, to_host(to_torch(stored).to(at::kFloat)));
  }
  return {};
}

}  // namespace

result<content_hash> hash_encoder(const std::filesystem::path& folder) {
  FRESHET_TRY_ASSIGN(const model_config config, load_model_config(folder));
  FRESHET_TRY_ASSIGN(const checkpoint files, checkpoint::open(folder));
  encoder_hasher encoder(config);
  FRESHET_TRY(read_base(config, files, [](const std::string& name) { return begins(name, tower_part); },
                        [&](const auto& name, const auto& shape, const auto& values) { encoder.add(name, shape, values); }));
  return encoder.digest();
}

result<line_figures> hash_model(const std::filesystem::path& folder, const lora_spec& adapters,
                                const std::string& chat_template) {
  FRESHET_TRY_ASSIGN(const model_config config, load_model_config(folder));
  FRESHET_TRY_ASSIGN(const checkpoint files, checkpoint::open(folder));
  FRESHET_TRY_ASSIGN(const auto shapes, outline(expected_parameters(config), adapters));
  if (shapes.second == 0) {
    return error{errc::not_found, folder.string() + ": no layer is named by the lora targets, so there is no line"};
  }
  base_hasher hash;
  encoder_hasher encoder(config);
  FRESHET_TRY(read_base(config, files, [](const std::string&) { return true; },
                        [&](const auto& name, const auto& shape, const auto& values) {
                          hash.add(name, shape, values);
                          encoder.add(name, shape, values);
                        }));
  const std::uint64_t base = hash.digest();
  FRESHET_TRY_ASSIGN(const std::string frame, frame_text_of(folder, chat_template));
  return line_figures{base, line_of(base, trainable_set::of(shapes.first), adapters, frame), encoder.digest()};
}

}  // namespace freshet::model
