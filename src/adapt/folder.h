/** adapt/folder.h: folders that the climb made itself: emptied, linked, locked. */
#ifndef FR_ADAPT_FOLDER_H
#define FR_ADAPT_FOLDER_H

#include "base/err.h"

/** Removes a folder or file and all in it; what cannot be removed stays. */
void fr_folder_remove(const char *path);
/** Makes (or moves) a symbolic link in one step. target is relative to the link's folder. */
int fr_folder_link(const char *target, const char *link, fr_err *err);
/** Takes DIR/.lock until the process ends or fr_folder_unlock(); FR_E_BUSY: another climb has it.
 */
int fr_folder_lock(const char *dir, int *fd, fr_err *err);
void fr_folder_unlock(int fd);

#endif
