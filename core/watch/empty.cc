// keeps keelson_watch a library until its first source is here
