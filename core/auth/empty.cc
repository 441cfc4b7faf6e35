// keeps keelson_auth a library until its first source is here
