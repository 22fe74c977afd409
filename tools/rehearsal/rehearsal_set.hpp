// `freshet models rehearsal`: the samples that a student must not forget (kernels/distill/rehearsal.hpp), for any checkpoint.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/base/result.hpp"

namespace freshet::tools {

struct rehearsal_request {
  std::string model;                   ///< the student's folder, in Hugging Face's layout
  std::string data = "scenes";         ///< "scenes", a data folder (its train split) or a .jsonl file
  std::string phase;                   ///< the student's own domain; empty = "clean", where the data has but one domain
  std::uint32_t pictures = 160;        ///< for students that read text only: questions
  std::uint32_t questions = 3;         ///< a picture, at most
  std::string chat_template = "auto";  ///< as the device will ask
  double severity = 0.7;
  std::uint64_t seed = 1;
};

struct rehearsal_outcome {
  std::string phase;
  std::string file;                    ///< what was written
  std::uint64_t pictures = 0;          ///< of text: questions
  std::uint64_t questions = 0;
  std::uint64_t held_out = 0;          ///< questions of them that examine new versions and are never trained on
  std::string skipped;                 ///< how many inputs were bad, by kind; empty = none
};

/// Writes rehearsal.safetensors into the model's folder; pictures are sized, shifted and prepared as in its device's stream,
/// and answers are none that a device cannot give. Fewer than were asked for when the data ends. Errors: errc::not_found
/// when no sample can be read.
result<rehearsal_outcome> make_rehearsal(const rehearsal_request& request);

}  // namespace freshet::tools
