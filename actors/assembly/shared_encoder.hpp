// Whether student and teacher have one frozen vision tower between them, so that devices may send what it makes of a
// picture instead of the picture.
// Pure functions.
#pragma once

#include <string>

#include "kernels/base/ids.hpp"
#include "kernels/base/result.hpp"

namespace freshet::actors {

/// An error that names both folders, unless the teacher has the student's tower. The hashes: model::encoder_hash of both.
result<void> check_shared_encoder(const std::string& student, content_hash students, const std::string& teacher,
                                  content_hash teachers);

}  // namespace freshet::actors
