// The rehearsal set: a few hundred answered samples of the source domain that pretraining, or `freshet models rehearsal`,
// leaves beside the student, so that the distiller can replay what the student must not forget.
//
// rehearsal.safetensors: "patches" u8 [N, L, P]; metadata "questions": JSON array of
// [picture, question, answer]. Of a student that reads text only L = P = 0, and a picture is a number for
// questions that belong together.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "kernels/base/result.hpp"
#include "kernels/distill/replay.hpp"
#include "kernels/model/model_config.hpp"
#include "kernels/model/tokenizer.hpp"
#include "kernels/scenes/source.hpp"

namespace freshet::distill {

inline constexpr const char* rehearsal_file = "rehearsal.safetensors";

/// A picture as the student reads it, and what is asked about it.
struct rehearsed_picture {
  std::vector<std::uint8_t> patches;   ///< [L, P]; none where the student reads text only
  std::vector<scenes::qa> questions;
};

/// `vision`: of the student; none where it reads text only.
result<void> save_rehearsal(const std::filesystem::path& folder, const std::vector<rehearsed_picture>& pictures,
                            const std::optional<model::vision_config>& vision);
/// The same of pictures that have the student's size and need nothing else before they are cut.
result<void> save_rehearsal(const std::filesystem::path& folder, const std::vector<scenes::example>& examples,
                            const std::optional<model::vision_config>& vision);

/// Every `held_out_every`-th picture, from the first on, is never trained on: devices examine new versions by its
/// questions, and an examination whose answers were learned by heart shows nothing. All others are rehearsed.
inline constexpr std::size_t held_out_every = 8;
enum class rehearsal_part : std::uint8_t { rehearsed, held_out };

/// One sample a question of that part. Empty when the folder has no such file.
result<std::vector<sample_handle>> load_rehearsal(const std::filesystem::path& folder,
                                                  const std::optional<model::vision_config>& vision,
                                                  const model::tokenizer& words, rehearsal_part part);

}  // namespace freshet::distill
