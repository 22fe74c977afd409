#include "kernels/distill/rehearsal.hpp"

#include <nlohmann/json.hpp>

#include "kernels/distill/qa_batch.hpp"
#include "kernels/model/patches.hpp"
#include "kernels/model/safetensors.hpp"

namespace freshet::distill {
namespace {

/// Of what the student reads of a picture: nothing where it reads text only.
struct form {
  std::int64_t count = 0;
  std::int64_t width = 0;
};
form form_of(const std::optional<model::vision_config>& vision) {
  return vision ? form{vision->cells(), vision->cell_values()} : form{};
}

}  // namespace

result<void> save_rehearsal(const std::filesystem::path& folder, const std::vector<rehearsed_picture>& pictures,
                            const std::optional<model::vision_config>& vision) {
  const form cells = form_of(vision);
  std::vector<std::uint8_t> patches;
  nlohmann::json questions = nlohmann::json::array();
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const rehearsed_picture& p = pictures[i];
    if (p.patches.size() != static_cast<std::size_t>(cells.count * cells.width)) {
      return error{errc::shape_mismatch, "rehearsal picture of another size than the model reads"};
    }
    patches.insert(patches.end(), p.patches.begin(), p.patches.end());
    for (const scenes::qa& q : p.questions) questions.push_back({i, q.question, q.answer});
  }
  const auto n = static_cast<std::int64_t>(pictures.size());
  return model::write_safetensors(folder / rehearsal_file,
                                  {{"patches", host_tensor::of(std::move(patches), {n, cells.count, cells.width})}},
                                  {{"questions", questions.dump()}});
}

result<void> save_rehearsal(const std::filesystem::path& folder, const std::vector<scenes::example>& examples,
                            const std::optional<model::vision_config>& vision) {
  const std::int64_t side = vision ? vision->image_size : 0;
  std::vector<rehearsed_picture> pictures;
  for (const scenes::example& e : examples) {
    if (e.picture.width != side || e.picture.height != side) {
      return error{errc::shape_mismatch, "rehearsal picture of another size than the model reads"};
    }
    pictures.push_back({vision ? model::cut_patches(e.picture.rgb.data(), side, vision->cell_size()) : std::vector<std::uint8_t>(),
                        e.questions});
  }
  return save_rehearsal(folder, pictures, vision);
}

result<std::vector<sample_handle>> load_rehearsal(const std::filesystem::path& folder,
                                                  const std::optional<model::vision_config>& vision,
                                                  const model::tokenizer& words, rehearsal_part part) {
  std::vector<sample_handle> out;
  const std::filesystem::path path = folder / rehearsal_file;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return out;
  FRESHET_TRY_ASSIGN(const model::safetensors_file file, model::safetensors_file::open(path));
  FRESHET_TRY_ASSIGN(const host_tensor patches, file.get("patches"));
  const auto [cells, width] = form_of(vision);
  if (patches.type() != dtype::u8 || patches.shape().size() != 3 || patches.shape()[1] != cells ||
      patches.shape()[2] != width) {
    return error{errc::shape_mismatch, path.string() + ": patches of another form than the student reads"};
  }
  const auto found = file.metadata().find("questions");
  const auto questions =
      nlohmann::json::parse(found == file.metadata().end() ? std::string() : found->second, nullptr, false);
  if (!questions.is_array()) return error{errc::corrupt, path.string() + ": no list of questions"};
  std::vector<std::int64_t> all(static_cast<std::size_t>(cells));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
  for (const auto& q : questions) {
    const bool fits = q.is_array() && q.size() == 3 && q[0].is_number_unsigned() && q[1].is_string() &&
                      q[2].is_string() && q[0].get<std::uint64_t>() < static_cast<std::uint64_t>(patches.shape()[0]);
    if (!fits) return error{errc::corrupt, path.string() + ": a question is not [picture, question, answer]"};
    const auto picture = q[0].get<std::size_t>();
    if ((picture % held_out_every == 0) != (part == rehearsal_part::held_out)) continue;
    auto sample = std::make_shared<labelled_sample>();
    const auto bytes = static_cast<std::size_t>(cells * width);
    sample->patches = host_tensor::copy_of(dtype::u8, {cells, width}, patches.data() + picture * bytes);
    sample->positions = all;
    sample->prompt = prompt_tokens(words, q[1].get<std::string>());
    sample->answer = answer_tokens(words, q[2].get<std::string>());
    if (sample->prompt.empty()) return error{errc::corrupt, path.string() + ": an empty question"};
    out.push_back(std::move(sample));
  }
  return out;
}

}  // namespace freshet::distill
