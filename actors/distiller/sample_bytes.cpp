#include "actors/distiller/sample_bytes.hpp"

#include "kernels/model/safetensors.hpp"

#include <memory>
#include <utility>

namespace freshet::actors {
namespace {

template <class T>
host_tensor row_of(dtype type, const std::vector<T>& items) {
  return host_tensor::copy_of(type, {static_cast<std::int64_t>(items.size())}, items.data());
}

template <class T>
result<std::vector<T>> row_from(const model::safetensors_file& file, const char* name, dtype type) {
  FRESHET_TRY_ASSIGN(const host_tensor t, file.get(name));
  if (t.type() != type || t.shape().size() != 1) {
    return error{errc::corrupt, file.origin() + ": " + name + " is no row of " + std::string(freshet::name(type))};
  }
  return std::vector<T>(t.as<T>(), t.as<T>() + t.items());
}

/// The mapped bytes are those of the record: a sample keeps its own.
result<host_tensor> tensor_from(const model::safetensors_file& file, const char* name) {
  if (file.find(name) == nullptr) return host_tensor();
  FRESHET_TRY_ASSIGN(const host_tensor t, file.get(name));
  return host_tensor::copy_of(t.type(), t.shape(), t.data());
}

}  // namespace

result<std::vector<std::uint8_t>> bytes_of(const distill::labelled_sample& s) {
  std::vector<model::named_tensor> all{{"positions", row_of(dtype::i64, s.positions)},
                                       {"prompt", row_of(dtype::i32, s.prompt)},
                                       {"answer", row_of(dtype::i32, s.answer)},
                                       {"topk_ids", row_of(dtype::i32, s.topk_ids)},
                                       {"topk_log_probs", row_of(dtype::f32, s.topk_log_probs)},
                                       {"rest_mass", row_of(dtype::f32, s.rest_mass)},
                                       {"weight", row_of(dtype::f32, std::vector<float>{s.weight})}};
  if (!s.patches.empty()) all.push_back({"patches", s.patches});
  if (!s.features.empty()) {
    all.push_back({"features", s.features});
    all.push_back({"feature_scales", row_of(dtype::f32, s.feature_scales)});
  }
  if (!s.teacher_visual.empty()) all.push_back({"teacher_visual", s.teacher_visual});
  if (!s.teacher_hidden.empty()) all.push_back({"teacher_hidden", s.teacher_hidden});
  return model::encode_safetensors(all);
}

result<distill::sample_handle> sample_of(std::vector<std::uint8_t> bytes, const std::string& origin) {
  FRESHET_TRY_ASSIGN(const auto file, model::safetensors_file::from_bytes(host_tensor::of(std::move(bytes)), origin));
  auto s = std::make_shared<distill::labelled_sample>();
  FRESHET_TRY_ASSIGN(s->patches, tensor_from(file, "patches"));
  FRESHET_TRY_ASSIGN(s->features, tensor_from(file, "features"));
  if (!s->features.empty()) {
    FRESHET_TRY_ASSIGN(s->feature_scales, row_from<float>(file, "feature_scales", dtype::f32));
  }
  FRESHET_TRY_ASSIGN(s->positions, row_from<std::int64_t>(file, "positions", dtype::i64));
  FRESHET_TRY_ASSIGN(s->prompt, row_from<std::int32_t>(file, "prompt", dtype::i32));
  FRESHET_TRY_ASSIGN(s->answer, row_from<std::int32_t>(file, "answer", dtype::i32));
  FRESHET_TRY_ASSIGN(s->topk_ids, row_from<std::int32_t>(file, "topk_ids", dtype::i32));
  FRESHET_TRY_ASSIGN(s->topk_log_probs, row_from<float>(file, "topk_log_probs", dtype::f32));
  FRESHET_TRY_ASSIGN(s->rest_mass, row_from<float>(file, "rest_mass", dtype::f32));
  FRESHET_TRY_ASSIGN(const auto weight, row_from<float>(file, "weight", dtype::f32));
  if (weight.size() != 1) return error{errc::corrupt, origin + ": weight is not one number"};
  s->weight = weight.front();
  FRESHET_TRY_ASSIGN(s->teacher_visual, tensor_from(file, "teacher_visual"));
  FRESHET_TRY_ASSIGN(s->teacher_hidden, tensor_from(file, "teacher_hidden"));
  return distill::sample_handle(std::move(s));
}

}  // namespace freshet::actors
