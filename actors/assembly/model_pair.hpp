// What the student and the teacher of a topology must have in common, judged before anything is labelled: when a node starts, by
// `freshet bench adapt` and by `freshet models check`.
// Pure functions; errors name the folders.
#pragma once

#include <string>

#include "kernels/base/ids.hpp"
#include "kernels/base/result.hpp"

namespace freshet::actors {

/// A teacher that reads text only cannot label a student's pictures. `sees`: whether it has a vision tower.
result<void> check_teacher_sees(const std::string& student, bool student_sees, const std::string& teacher, bool teacher_sees);

/// Devices may send what the student's frozen vision tower makes of a picture instead of the picture only where the teacher
/// has the same tower. The hashes: model::encoder_hash of both.
result<void> check_shared_encoder(const std::string& student, content_hash students, const std::string& teacher,
                                  content_hash teachers);

}  // namespace freshet::actors
