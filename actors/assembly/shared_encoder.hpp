// Whether student and teacher have one frozen vision tower between them (DESIGN.md 5), so that devices may send what it
// makes of a picture instead of the picture.
// Pure functions.
#pragma once

#include <string>

#include "kernels/base/ids.hpp"
#include "kernels/base/result.hpp"
#include "kernels/model/multimodal.hpp"

namespace freshet::actors {

/// An error that names both folders, unless the teacher has the student's tower. `encoder`: of the student, frozen.
result<void> check_shared_encoder(const std::string& student, content_hash encoder, const std::string& teacher,
                                  const model::multimodal& teacher_net);

}  // namespace freshet::actors
