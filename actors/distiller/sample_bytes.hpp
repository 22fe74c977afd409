// A labelled sample as bytes, for the distiller's memory on the disk: one small safetensors file, whose reader
// trusts nothing. Thread contract: pure functions.
#pragma once

#include "kernels/base/result.hpp"
#include "kernels/distill/replay.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace freshet::actors {

result<std::vector<std::uint8_t>> bytes_of(const distill::labelled_sample& sample);

/// Well-formed, which says nothing of whether it fits a student (distill::check_sample does).
result<distill::sample_handle> sample_of(std::vector<std::uint8_t> bytes, const std::string& origin);

}  // namespace freshet::actors
